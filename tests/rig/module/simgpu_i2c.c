// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * simgpu_i2c: the guest's half of the simulated monitor, for tests only.
 *
 * Theory of operation: a driver for virtio-i2c (device id 34; VIRTIO 1.2, 5.18) that differs
 * from the kernel's own in one point. The I2C adapter that it registers is a child not of the
 * virtio device but of a display-class PCI device of the same machine, the stand-in GPU, and
 * lives only while that is bound to a driver other than vfio-pci and pci-stub. So /sys looks as
 * on a real machine:
 *
 *	/sys/devices/pci0000:00/0000:00:04.0/i2c-1
 *	/sys/class/drm/card0-Virtual-1/ddc -> .../i2c-1
 *
 * and unbinding the GPU waits for whoever has the bus open, then takes it away. The n-th
 * virtio-i2c device goes with the n-th address in gpus=, else with the n-th display-class PCI
 * device. The kernel's i2c-virtio was read before this was written.
 */
#include <linux/completion.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#define SIM_MAX       8
#define SIM_VIRTIO_ID 34

static char *gpus[SIM_MAX];
static int n_gpus;
module_param_array(gpus, charp, &n_gpus, 0444);
MODULE_PARM_DESC(
	gpus, "PCI addresses (dddd:bb:dd.f) of the stand-in GPUs, one per virtio-i2c device");

static bool add_ddc_link = true;
module_param(add_ddc_link, bool, 0444);
static char *adapter_name = "AMDGPU DM i2c hw bus %d";
module_param(adapter_name, charp, 0444);
static unsigned int link_delay_ms = 300;
module_param(link_delay_ms, uint, 0444);

#define SIM_F_FAIL_NEXT 1
#define SIM_F_M_RD      2

struct sim_out_hdr {
	__le16 addr;
	__le16 pad;
	__le32 flags;
} __packed;

struct sim_in_hdr {
	u8 status;
} __packed;

struct sim_req {
	struct completion done;
	struct sim_out_hdr out;
	struct sim_in_hdr in;
	u8 *buf;
};

struct sim_bus {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct mutex lock; /* one transfer at a time */
	spinlock_t vqlock;
	int index;
	struct pci_dev *gpu;
	struct i2c_adapter adap;
	bool registered;
	struct device *connector; /* holder of the ddc link */
	struct work_struct refresh;
	struct delayed_work link_work;
};

static struct sim_bus *buses[SIM_MAX];
static DEFINE_MUTEX(buses_lock);

static void sim_vq_done(struct virtqueue *vq)
{
	struct sim_bus *b = vq->vdev->priv;
	struct sim_req *r;
	unsigned long fl;
	unsigned int len;

	spin_lock_irqsave(&b->vqlock, fl);
	while ((r = virtqueue_get_buf(vq, &len)))
		complete(&r->done);
	spin_unlock_irqrestore(&b->vqlock, fl);
}

static int sim_xfer_one(struct sim_bus *b, struct i2c_msg *m, bool more)
{
	struct scatterlist so, sb, si, *sgs[3];
	int out = 0, in = 0, ret = -ENOMEM;
	struct sim_req *r;
	unsigned long fl;

	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	init_completion(&r->done);
	r->out.addr = cpu_to_le16(m->addr << 1);
	r->out.flags =
		cpu_to_le32((more ? SIM_F_FAIL_NEXT : 0) | (m->flags & I2C_M_RD ? SIM_F_M_RD : 0));
	r->in.status = 1;
	sg_init_one(&so, &r->out, sizeof(r->out));
	sgs[out++] = &so;
	if (m->len) {
		r->buf = kmemdup(m->buf, m->len, GFP_KERNEL);
		if (!r->buf)
			goto out;
		sg_init_one(&sb, r->buf, m->len);
		if (m->flags & I2C_M_RD)
			sgs[out + in++] = &sb;
		else
			sgs[out++] = &sb;
	}
	sg_init_one(&si, &r->in, sizeof(r->in));
	sgs[out + in++] = &si;

	spin_lock_irqsave(&b->vqlock, fl);
	ret = virtqueue_add_sgs(b->vq, sgs, out, in, r, GFP_ATOMIC);
	if (!ret)
		virtqueue_kick(b->vq);
	spin_unlock_irqrestore(&b->vqlock, fl);
	if (!ret) {
		wait_for_completion(&r->done);
		if (r->in.status)
			ret = -ENXIO; /* NAK, as amdgpu/i915 report it */
		else if ((m->flags & I2C_M_RD) && m->len)
			memcpy(m->buf, r->buf, m->len);
	}
out:
	kfree(r->buf);
	kfree(r);
	return ret;
}

static int sim_xfer(struct i2c_adapter *adap, struct i2c_msg *msgs, int num)
{
	struct sim_bus *b = i2c_get_adapdata(adap);
	int i, ret = 0;

	mutex_lock(&b->lock);
	for (i = 0; i < num; i++) {
		ret = sim_xfer_one(b, &msgs[i], i + 1 < num);
		if (ret)
			break;
	}
	mutex_unlock(&b->lock);
	return ret ? ret : num;
}

static u32 sim_func(struct i2c_adapter *adap)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm sim_algo = {
	.master_xfer = sim_xfer,
	.functionality = sim_func,
};

/* The connector's ddc link: DRM makes the connector some time after the bind. */
static int match_connector(struct device *d, void *out)
{
	struct device **p = out;

	/* a DRM connector is named cardN-TYPE-M */
	if (!strncmp(dev_name(d), "card", 4) && strchr(dev_name(d), '-')) {
		*p = get_device(d);
		return 1;
	}
	return 0;
}

static int match_card(struct device *d, void *out)
{
	if (!strncmp(dev_name(d), "card", 4))
		return device_for_each_child(d, out, match_connector);
	return 0;
}

static void sim_link_work(struct work_struct *w)
{
	struct sim_bus *b = container_of(w, struct sim_bus, link_work.work);
	struct device *c = NULL;

	if (!add_ddc_link || !b->registered || b->connector)
		return;
	device_for_each_child(&b->gpu->dev, &c, match_card);
	if (!c)
		return;
	if (sysfs_create_link(&c->kobj, &b->adap.dev.kobj, "ddc")) {
		put_device(c);
		return;
	}
	b->connector = c;
	dev_info(&b->gpu->dev, "simgpu_i2c: %s/ddc -> i2c-%d\n", dev_name(c), b->adap.nr);
}

/* The adapter's life follows the GPU's driver. */
static bool gpu_is_ours(struct pci_dev *p)
{
	const char *n;

	if (!p->dev.driver)
		return false;
	n = p->dev.driver->name;
	return strcmp(n, "vfio-pci") && strcmp(n, "pci-stub");
}

static void sim_del(struct sim_bus *b)
{
	cancel_delayed_work_sync(&b->link_work);
	if (b->connector) {
		sysfs_remove_link(&b->connector->kobj, "ddc");
		put_device(b->connector);
		b->connector = NULL;
	}
	if (b->registered) {
		b->registered = false;
		i2c_del_adapter(&b->adap);
	}
}

static void sim_add(struct sim_bus *b)
{
	if (b->registered)
		return;
	memset(&b->adap, 0, sizeof(b->adap));
	b->adap.owner = THIS_MODULE;
	b->adap.algo = &sim_algo;
	b->adap.dev.parent = &b->gpu->dev;
	snprintf(b->adap.name, sizeof(b->adap.name), adapter_name, b->index);
	i2c_set_adapdata(&b->adap, b);
	if (i2c_add_adapter(&b->adap) == 0) {
		b->registered = true;
		schedule_delayed_work(&b->link_work, msecs_to_jiffies(link_delay_ms));
	}
}

static void sim_refresh(struct work_struct *w)
{
	struct sim_bus *b = container_of(w, struct sim_bus, refresh);

	if (gpu_is_ours(b->gpu))
		sim_add(b);
	else
		sim_del(b);
}

static int sim_notify(struct notifier_block *nb, unsigned long ev, void *data)
{
	struct device *d = data;
	int i;

	for (i = 0; i < SIM_MAX; i++) {
		struct sim_bus *b = READ_ONCE(buses[i]);

		if (!b || &b->gpu->dev != d)
			continue;
		if (ev == BUS_NOTIFY_BOUND_DRIVER)
			schedule_work(&b->refresh);
		else if (ev == BUS_NOTIFY_UNBIND_DRIVER)
			sim_del(b); /* before the DRM device goes */
	}
	return NOTIFY_OK;
}

static struct notifier_block sim_nb = { .notifier_call = sim_notify };

static struct pci_dev *pick_gpu(int idx)
{
	struct pci_dev *p = NULL;
	int n = 0;

	if (n_gpus) {
		unsigned int dom, bus, dev, fn;

		if (idx >= n_gpus || sscanf(gpus[idx], "%x:%x:%x.%x", &dom, &bus, &dev, &fn) != 4)
			return NULL;
		return pci_get_domain_bus_and_slot(dom, bus, PCI_DEVFN(dev, fn));
	}
	while ((p = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, p))) {
		if ((p->class >> 16) != 0x03)
			continue;
		if (n++ == idx)
			return p;
	}
	return NULL;
}

static int sim_probe(struct virtio_device *vdev)
{
	struct sim_bus *b;
	int i, ret;

	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	vdev->priv = b;
	b->vdev = vdev;
	mutex_init(&b->lock);
	spin_lock_init(&b->vqlock);
	INIT_WORK(&b->refresh, sim_refresh);
	INIT_DELAYED_WORK(&b->link_work, sim_link_work);
	b->vq = virtio_find_single_vq(vdev, sim_vq_done, "msg");
	if (IS_ERR(b->vq)) {
		ret = PTR_ERR(b->vq);
		goto err;
	}
	virtio_device_ready(vdev);
	mutex_lock(&buses_lock);
	for (i = 0; i < SIM_MAX && buses[i]; i++)
		;
	if (i == SIM_MAX) {
		mutex_unlock(&buses_lock);
		ret = -ENOSPC;
		goto err_vq;
	}
	b->index = i;
	b->gpu = pick_gpu(i);
	if (!b->gpu) {
		mutex_unlock(&buses_lock);
		dev_err(&vdev->dev, "simgpu_i2c: no display-class PCI device to stand under\n");
		ret = -ENODEV;
		goto err_vq;
	}
	WRITE_ONCE(buses[i], b);
	mutex_unlock(&buses_lock);
	sim_refresh(&b->refresh);
	dev_info(&vdev->dev, "simgpu_i2c: bus %d on GPU %s, %s\n", i, pci_name(b->gpu),
		b->registered ? "present" : "waiting for a driver");
	return 0;
err_vq:
	vdev->config->reset(vdev);
	vdev->config->del_vqs(vdev);
err:
	kfree(b);
	return ret;
}

static void sim_remove(struct virtio_device *vdev)
{
	struct sim_bus *b = vdev->priv;

	WRITE_ONCE(buses[b->index], NULL);
	cancel_work_sync(&b->refresh);
	sim_del(b);
	vdev->config->reset(vdev);
	vdev->config->del_vqs(vdev);
	pci_dev_put(b->gpu);
	kfree(b);
}

static const struct virtio_device_id ids[] = { { SIM_VIRTIO_ID, VIRTIO_DEV_ANY_ID }, {} };
MODULE_DEVICE_TABLE(virtio, ids);
static struct virtio_driver drv = {
	.driver.name = "simgpu_i2c",
	.driver.owner = THIS_MODULE,
	.id_table = ids,
	.probe = sim_probe,
	.remove = sim_remove,
};

static int __init sim_init(void)
{
	int r = bus_register_notifier(&pci_bus_type, &sim_nb);

	if (r)
		return r;
	r = register_virtio_driver(&drv);
	if (r)
		bus_unregister_notifier(&pci_bus_type, &sim_nb);
	return r;
}
static void __exit sim_exit(void)
{
	unregister_virtio_driver(&drv);
	bus_unregister_notifier(&pci_bus_type, &sim_nb);
}
module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("virtio-i2c bus placed under a stand-in GPU (tests only)");
MODULE_LICENSE("GPL");
