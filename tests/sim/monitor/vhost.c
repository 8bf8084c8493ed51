// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the part of the vhost-user protocol that QEMU's vhost-user-i2c-pci
 * speaks, with one virtqueue. The front end sends its memory and the ring's place over the
 * socket; then each kick means requests in the ring, each a chain of an out header, an optional
 * buffer and a status byte. QEMU 7.2 turns on EVENT_IDX and INDIRECT_DESC for its guest whatever
 * the back end offered, so both are honoured. VIRTIO 1.2: 2.7 (split rings), 5.18 (I2C).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/sim/monitor/wire.h"

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	GET_QUEUE_NUM = 17
};
enum {
	FLAG_VERSION = 1,
	FLAG_REPLY = 4,
	FLAG_NEED_REPLY = 8,
	MAX_REGIONS = 8,
	MAX_CHAIN = 8,
	MAX_RING = 1024
};
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, OUT_HEADER = 8, I2C_FLAG_READ = 2 };

#define F_VERSION_1   (1ull << 32)
#define F_PROTOCOL    (1ull << 30)
#define F_EVENT_IDX   (1ull << 29)
#define F_ZERO_LENGTH (1ull << 0)
#define PF_REPLY_ACK  (1ull << 3)

struct head {
	uint32_t request, flags, size;
} __attribute__((packed));

struct reply64 {
	struct head head;
	uint64_t value;
} __attribute__((packed));

struct region {
	uint64_t gpa, size, uva, offset;
};

struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vhost {
	int fd, kick, call;
	struct wire wire;
	unsigned ring_size;
	uint16_t last; /* next entry of the avail ring */
	int n_regions;
	struct region regions[MAX_REGIONS];
	void *maps[MAX_REGIONS];
	uint64_t ring_addr[3]; /* descriptors, used ring, avail ring; front end's addresses */
	struct descriptor *desc;
	uint16_t *avail, *used;
	uint64_t features;
};

/* A request as it lies in the guest's memory. */
struct request {
	const uint8_t *header;
	uint8_t *status, *buf;
	uint32_t size;
	bool is_read;
};

struct vhost *vhost_new(int fd, const struct wire *wire)
{
	struct timeval limit = { .tv_sec = 1 };
	struct vhost *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->fd = fd;
	v->kick = v->call = -1;
	v->wire = *wire;
	/* a front end that stops in the middle of a message must not stop the monitor */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
		free(v);
		return NULL;
	}
	return v;
}

static void set_fd(int *fd, int to)
{
	if (*fd >= 0)
		close(*fd);
	*fd = to;
}

static void unmap_all(struct vhost *v)
{
	for (int i = 0; i < v->n_regions; i++)
		munmap(v->maps[i], v->regions[i].size + v->regions[i].offset);
	v->n_regions = 0;
	v->desc = NULL;
	v->avail = v->used = NULL;
}

void vhost_free(struct vhost *v)
{
	if (!v)
		return;
	unmap_all(v);
	set_fd(&v->kick, -1);
	set_fd(&v->call, -1);
	close(v->fd);
	free(v);
}

int vhost_kick_fd(const struct vhost *v)
{
	return v->desc && v->avail && v->used && v->ring_size ? v->kick : -1;
}

/* Where in our memory size bytes at the guest's (or the front end's) address are, or NULL. */
static void *find(const struct vhost *v, bool by_guest, uint64_t addr, uint64_t size)
{
	for (int i = 0; i < v->n_regions; i++) {
		const struct region *r = &v->regions[i];
		uint64_t base = by_guest ? r->gpa : r->uva;

		if (addr >= base && addr - base < r->size && size <= r->size - (addr - base))
			return (char *)v->maps[i] + r->offset + (addr - base);
	}
	return NULL;
}

/* Walks one chain; 0, or -EINVAL for one that makes no sense. */
static int read_chain(const struct vhost *v, uint16_t head, struct request *ret)
{
	const struct descriptor *table = v->desc;
	unsigned n = v->ring_size;
	uint16_t at = head;

	*ret = (struct request){ .header = NULL };
	for (int guard = 0; guard < MAX_CHAIN && at < n; guard++) {
		const struct descriptor *d = &table[at];
		uint8_t *p = find(v, true, d->addr, d->len);

		if (!p)
			return -EINVAL;
		if (table == v->desc && (d->flags & DESC_INDIRECT)) {
			table = (const struct descriptor *)(const void *)p;
			n = d->len / (unsigned)sizeof(*d);
			at = 0;
			continue;
		}
		if (!ret->header && d->len >= OUT_HEADER) {
			ret->header = p;
		} else if (d->flags & DESC_NEXT) { /* neither first nor last: the buffer */
			ret->buf = p;
			ret->size = d->len;
			ret->is_read = d->flags & DESC_WRITE;
		} else {
			ret->status = d->len ? p : NULL;
		}
		if (!(d->flags & DESC_NEXT))
			return ret->header && ret->status ? 0 : -EINVAL;
		at = d->next;
	}
	return -EINVAL;
}

static void serve(struct vhost *v, uint16_t head)
{
	uint32_t *ring = (uint32_t *)(void *)(v->used + 2);
	uint32_t wrote = 0;
	struct request r;
	uint16_t at;

	if (!read_chain(v, head, &r)) {
		uint8_t addr = (uint8_t)((r.header[0] | r.header[1] << 8) >> 1 & 0x7f);

		if (!r.buf)
			r.is_read = r.header[4] & I2C_FLAG_READ;
		*r.status =
			v->wire.transfer(v->wire.ctx, v->wire.port, addr, r.is_read, r.buf, r.size)
				? 1
				: 0;
		wrote = 1 + (r.is_read ? r.size : 0);
	}
	at = __atomic_load_n(&v->used[1], __ATOMIC_RELAXED);
	ring[2 * (at % v->ring_size)] = head;
	ring[2 * (at % v->ring_size) + 1] = wrote;
	__atomic_store_n(&v->used[1], (uint16_t)(at + 1), __ATOMIC_RELEASE);
}

static bool serve_waiting(struct vhost *v)
{
	bool any = false;

	while (v->last != __atomic_load_n(&v->avail[1], __ATOMIC_ACQUIRE)) {
		serve(v, v->avail[2 + v->last % v->ring_size]);
		v->last++;
		any = true;
	}
	return any;
}

void vhost_kick(struct vhost *v)
{
	bool event_idx = v->features & F_EVENT_IDX, any = false;
	uint64_t one = 1, count;

	if (vhost_kick_fd(v) < 0 || read(v->kick, &count, sizeof(count)) < 0)
		return;
	for (;;) {
		uint16_t *avail_event = &v->used[2 + 4 * v->ring_size];

		any = serve_waiting(v) || any;
		if (!event_idx || *avail_event == v->last)
			break;
		/* ask for a kick at the next entry, then look once more: it may be there already */
		__atomic_store_n(avail_event, v->last, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	if (any && v->call >= 0 && (event_idx || !(v->avail[0] & 1)))
		if (write(v->call, &one, sizeof(one)) < 0)
			set_fd(&v->call, -1);
}

static int send_value(struct vhost *v, uint32_t request, uint64_t value)
{
	struct reply64 reply = { { request, FLAG_VERSION | FLAG_REPLY, 8 }, value };

	return send(v->fd, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) ? 0 : -EPIPE;
}

static int place_ring(struct vhost *v)
{
	uint64_t n = v->ring_size;

	v->desc = find(v, false, v->ring_addr[0], n * sizeof(struct descriptor));
	v->used = find(v, false, v->ring_addr[1], 6 + 8 * n);
	v->avail = find(v, false, v->ring_addr[2], 6 + 2 * n);
	return n && v->desc && v->used && v->avail ? 0 : -EINVAL;
}

static int map_memory(struct vhost *v, const uint8_t *payload, size_t size, int *fds, int n_fds)
{
	uint32_t n;

	unmap_all(v);
	memcpy(&n, payload, sizeof(n));
	for (uint32_t i = 0; i < n && i < MAX_REGIONS && (int)i < n_fds; i++) {
		struct region r;
		void *map;

		if (8 + (i + 1) * sizeof(r) > size)
			return -EINVAL;
		memcpy(&r, payload + 8 + i * sizeof(r), sizeof(r));
		map = mmap(NULL, r.size + r.offset, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		if (map == MAP_FAILED)
			return -errno;
		v->regions[i] = r;
		v->maps[i] = map;
		v->n_regions++;
	}
	/* memory can change under a running ring */
	return v->ring_addr[0] ? place_ring(v) : 0;
}

/* Acts on one message; fds that it keeps become -1. 1: answered, 0: not, negative: gone. */
static int act(struct vhost *v, const struct head *h, const uint8_t *payload, int *fds, int n_fds)
{
	uint64_t value;
	uint32_t word[2];

	memcpy(&value, payload, sizeof(value));
	memcpy(word, payload, sizeof(word));
	switch (h->request) {
	case GET_FEATURES:
		return send_value(v, h->request, F_VERSION_1 | F_PROTOCOL | F_ZERO_LENGTH) ?: 1;
	case GET_PROTOCOL_FEATURES: return send_value(v, h->request, PF_REPLY_ACK) ?: 1;
	case GET_QUEUE_NUM: return send_value(v, h->request, 1) ?: 1;
	case SET_FEATURES: v->features = value; return 0;
	case SET_MEM_TABLE: return map_memory(v, payload, h->size, fds, n_fds);
	case SET_VRING_NUM: v->ring_size = word[1] <= MAX_RING ? word[1] : 0; return 0;
	case SET_VRING_ADDR:
		memcpy(v->ring_addr, payload + 8, sizeof(v->ring_addr));
		return place_ring(v);
	case SET_VRING_BASE: v->last = (uint16_t)word[1]; return 0;
	case GET_VRING_BASE:
		set_fd(&v->kick, -1);
		return send_value(v, h->request, (uint64_t)v->last << 32) ?: 1;
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		set_fd(h->request == SET_VRING_KICK ? &v->kick : &v->call, n_fds ? fds[0] : -1);
		if (n_fds)
			fds[0] = -1;
		return 0;
	default: return 0;
	}
}

/* A message's head with the descriptors that came along. */
static int receive_head(struct vhost *v, struct head *ret, int fds[MAX_REGIONS], int *ret_n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * MAX_REGIONS)];
		struct cmsghdr align;
	} control;
	struct iovec io = { ret, sizeof(*ret) };
	struct msghdr msg = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	ssize_t n = recvmsg(v->fd, &msg, MSG_CMSG_CLOEXEC);

	*ret_n_fds = 0;
	for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL; c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*ret_n_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)*ret_n_fds * sizeof(int));
	}
	return n == sizeof(*ret) ? 0 : -ECONNRESET;
}

int vhost_handle(struct vhost *v)
{
	uint8_t payload[512] = { 0 };
	int fds[MAX_REGIONS], n_fds, ret;
	struct head h;

	ret = receive_head(v, &h, fds, &n_fds);
	if (!ret &&
		(h.size > sizeof(payload) ||
			(h.size && recv(v->fd, payload, h.size, MSG_WAITALL) != (ssize_t)h.size)))
		ret = -ECONNRESET;
	if (!ret)
		ret = act(v, &h, payload, fds, n_fds);
	for (int i = 0; i < n_fds; i++)
		set_fd(&fds[i], -1);
	if (ret == 0 && (h.flags & FLAG_NEED_REPLY))
		ret = send_value(v, h.request, 0);
	return ret < 0 ? ret : 0;
}
