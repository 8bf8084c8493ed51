// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-hostd: decides, and blocks on nothing. One thread, one sd-event loop. It links neither
 * libvirt nor libddcutil and parses no byte of a guest: structs of fixed size come from va-virt,
 * va-ddc and one va-link per guest, and are checked before they are used.
 *
 * This header is the daemon's one shared state and the doors between its files:
 *	main.c		start, signals			config.c reload.c	files
 *	world.c plan.c	pure: what is, what to do	execute.c	doing it
 *	now.c		the world, from all below
 *	seat*.c		the arbiter of switches		monitors.c	the host's DDC worker
 *	guest*.c	guests and their va-links	virt.c		libvirt, through va-virt
 *	requests.c	what guests ask			keys.c		records, pairing, rekeying
 *	power*.c	the host's shutdown		commands*.c	the control socket
 *	inputs*.c	keyboards, mice			events.c	who follows what changes
 *	hotkey.c	va-input: hotkeys, shared keyboards
 *	handover.c	a guest that takes the host's own graphics card
 */
#ifndef VA_HOSTD_HOSTD_H
#define VA_HOSTD_HOSTD_H

#include "common/control/server.h"
#include "common/ddc/ipc.h"
#include "common/policy/policy.h"
#include "common/worker/worker.h"
#include "host/daemon/config.h"
#include "host/daemon/execute.h"
#include "host/daemon/guest.h"
#include "host/daemon/learned.h"
#include "host/daemon/seat-journal.h"
#include "host/daemon/plan.h"

#define HOSTD_MAX_MACHINES (CONFIG_MAX_GUESTS + 1)
#define SEAT_ASKED         8
#define HOSTD_MAX_GPUS     16

struct cables;
struct power;
struct inputs;
struct shares;
struct events;
struct hotkey;
struct recovery;
struct rescue;
struct seat_queued;
struct handover;

/* Who waits for a switch: either may be NULL; done is called once, and nothing after it. */
struct seat_request {
	void (*step)(void *userdata, int n, const struct step *s, const char *state,
		unsigned int ms, const char *detail);
	void (*done)(void *userdata, enum exit_code code, const char *text);
	void *userdata;
};

struct hostd {
	sd_event *event;
	const char *config_dir, *state_dir, *run_dir, *libexec;
	const char *sysfs; /* NULL: /sys; tests have one of their own */
	const char *dev;   /* NULL: /dev */
	struct config *config;
	struct policy *policy; /* never NULL once started; a broken one denies everything */
	char policy_error[CONFIG_ERROR_SIZE]; /* "": it is in order */
	uid_t link_uid;                       /* whom the va-links run as */
	gid_t link_gid;

	struct guest *guests[HOSTD_MAX_MACHINES]; /* by machine index; [0] is never used */
	struct world_machine machines[HOSTD_MAX_MACHINES];
	struct world world;
	bool world_stale, stopping;
	bool holder_moved; /* a switch said who holds the seat; before, the monitors do */
	int shown[WORLD_MAX_MONITORS]; /* index of the input, -1 not known */
	int32_t learned[WORLD_MAX_MONITORS][WORLD_MAX_INPUTS]; /* what it reads as while shown */

	struct worker *virt;
	bool virt_up, virt_synced; /* synced: every domain has been told once */
	char virt_detail[160];
	struct worker *ddc;
	struct ddc_display displays[DDC_MAX_DISPLAYS];
	int n_displays;
	bool detected; /* the host has looked at its monitors once */
	struct cables *cables;
	struct execution *execution;
	struct seat_request seat_request; /* of the execution; zeros: nobody to tell */
	struct seat_request home_after;   /* waits for its end; done NULL: nobody */
	bool left_over;                   /* the last switch could not be undone */
	bool virt_back;                   /* libvirt was there again before its end */
	uint64_t n_switches;
	struct plan plan;            /* of the execution */
	struct seat_journal journal; /* the same */
	struct seat_queued *queue;   /* who waits for its end */
	struct rescue *rescue;       /* NULL: none is under way */
	struct handover *handover;   /* the same */
	struct recovery *recovery;   /* of a switch that an earlier va-hostd left; NULL: none */
	char asked[SEAT_ASKED]
		  [NAME_MAX_LEN + 1]; /* to whom the seat was to go, the last one last */
	int n_asked;
	bool holder_answered;        /* the holder has had a session since it has the seat */
	int given_by;                /* the lost holder; the seat is being given on */
	char heir[NAME_MAX_LEN + 1]; /* to whom */
	unsigned int give_tries;
	bool give_home;        /* to the host, whoever was asked for before */
	uint64_t given_switch; /* number of the one that failed to */
	sd_event_source *give_again;
	sd_event_source *waking;          /* until the monitors are in order after sleep */
	sd_event_source *silence;         /* until a holder that fell silent loses the seat */
	char primary_gpu[WORLD_PCI_SIZE]; /* "" : none, or none is known */
	char gpus[HOSTD_MAX_GPUS][WORLD_PCI_SIZE]; /* of this machine, whoever has them */
	struct learned_card cards[HOSTD_MAX_GPUS]; /* of gpus */
	int n_gpus;
	enum world_writer worked[WORLD_MAX_MONITORS]; /* who was heard there last */
	sd_event_source *changed; /* the world has: from the loop, whoever waits looks again */
	bool reload_after;        /* a reload waits for its end */
	struct control_server *control;
	struct power *power;
	struct inputs *inputs; /* NULL: not started */
	struct shares *shares; /* virtual keyboards of guests; NULL: none */
	struct events *events;
	struct hotkey *hotkey;
	uint32_t next_question;
};

uint64_t hostd_now_ms(void); /* CLOCK_BOOTTIME */
/* The world as it is now; rebuilt when something changed. */
const struct world *hostd_world(struct hostd *h);
void hostd_world_changed(struct hostd *h);
/* True: the policy is in order. It is never NULL afterwards, unless there is no memory at start. */
bool hostd_load_policy(struct hostd *h);
/* Makes, changes and removes guests as guests.d has it now. */
void hostd_take_guests(struct hostd *h);
/* Path below a directory; false: too long. */
bool hostd_path(char *out, size_t size, const char *dir, const char *sub, const char *name,
	const char *suffix);
/*
 * 0; -EBUSY: a switch is under way, whose plan belongs to the configuration that is in force; or
 * another negative errno. error says why not. The policy is read again even where the
 * configuration cannot be: what was meant to be denied is not to wait for that.
 */
int hostd_reload(struct hostd *h, char error[CONFIG_ERROR_SIZE]);
/* Does it as soon as no switch is under way. */
void hostd_reload_later(struct hostd *h);

/* --- seat.c: one arbiter for every switch ------------------------------------------------------
 */
/* From the loop's first turn on; what an earlier va-hostd left is finished or undone. */
int seat_start(struct hostd *h);
/*
 * Starts the switch, or refuses: its answer then comes at once through done, as it does when
 * another switch is under way (EXIT_CODE_BUSY) unless the intent says to wait: then it waits for
 * that one's end. who: for the audit line.
 */
void seat_switch(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r);
/* The seat is brought home if a guest has it, after the switch under way if there is one. One
 * may wait for that. */
void seat_go_home(struct hostd *h, const struct seat_request *r);
/* Who asked has left: go on, tell nobody. */
void seat_forget(struct hostd *h, const void *userdata);
bool seat_is_busy(const struct hostd *h);
/* Monitors, keyboards and mice and the primary GPU come home, whatever is under way. */
void seat_rescue(struct hostd *h, bool force, const struct seat_request *r);
/* A machine stopped: if it had the seat, it goes to the next who was asked for, or home. */
void seat_machine_lost(struct hostd *h, int machine);
/* libvirt is there again: what a switch could not undo without it is put in order. */
void seat_libvirt_back(struct hostd *h);
/* The machine was asleep until now: what monitors show may be anything. */
void seat_slept(struct hostd *h);
void seat_free(struct hostd *h);

/* --- gpus.c
 * --------------------------------------------------------------------------------------- */
void gpus_find(struct hostd *h);

/* --- monitors.c: the host's own DDC worker
 * ---------------------------------------------------------- */
int monitors_start(struct hostd *h);
void monitors_stop(struct hostd *h);
/* Asks the worker; -ENOTCONN without one. */
int monitors_ask(struct hostd *h, struct ddc_request *r, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata);
void monitors_detect(struct hostd *h);
/* Has a guest read the monitors of which the host cannot tell what they show. */
void monitors_ask_guest(struct guest *g);
/* What a va-ddc says of a display may be used: strings with their ends, numbers in range. */
bool monitors_display_is_valid(const struct ddc_display *d);
/* Monitor shows input, and reads as value while it does. */
void monitors_learn(struct hostd *h, int monitor, int input, int32_t value);
/* Nothing is known of any monitor (any more). */
void monitors_forget(struct hostd *h);
void monitors_forget_one(struct hostd *h, int monitor);
/*
 * Runs the command that switches this monitor, with the monitor's name, the input's and the value
 * behind its own arguments. done is called once, perhaps at once: 0, or -ECOMM it failed, or
 * -ETIMEDOUT it was killed after limit_ms; detail is borrowed.
 */
typedef void monitor_command_fn(void *userdata, int error, const char *detail);
void monitor_command(struct hostd *h, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms, monitor_command_fn *done, void *userdata);
/* With PATH alone, and signals that are not blocked. 0, or a positive errno. */
int hostd_spawn(char *const *argv, pid_t *ret_pid);
/* "no such monitor", ...: for people */
const char *ddc_status_text(uint32_t status);

/* --- cables.c, cables-show.c: what is seen of monitors, also of those that nobody configured
 * ------------------------------------------------------ */
int cables_start(struct hostd *h); /* reads what was seen before */
void cables_stop(struct hostd *h);
/* The host has detected its monitors: the guests are asked what they see. */
void cables_host_looked(struct hostd *h);
/* Look again, if there is a monitor that nobody configured, or a contradiction. */
void cables_look(struct hostd *h);
/* The same for somebody who asks, who may find out what has changed, too; now and then. */
void cables_look_again(struct hostd *h);
/* What contradicts the configuration of a monitor, an index into world.monitors; how many. */
int cables_clashes(struct hostd *h, int monitor, struct learned_clash ret[LEARNED_MAX_CLASHES]);
/*
 * A section for host.conf for each monitor that nobody configured, then the end of the answer.
 * The host's DDC worker may be asked for hints first. cables_forget(): the client has left.
 */
void cables_show(struct hostd *h, struct control_client *client);
void cables_forget(struct hostd *h, const struct control_client *client);

/* --- virt.c: libvirt, through va-virt
 * ---------------------------------------------------------------- */
int virt_start(struct hostd *h);
void virt_stop(struct hostd *h);
/* Ask for the channel of a libvirt guest; guest_channel_arrived() answers. */
int virt_connect(struct guest *g);
/*
 * Has a va-virt of its own carry out request, within its limit_ms. done is called exactly once,
 * never before this returns; error: 0 or negative errno, detail (printable, may be "") borrowed.
 * *ret (or NULL) is good until then, for virt_do_stop(): done is not called any more; what
 * libvirt has begun may still happen.
 */
struct virt_doing;
typedef void virt_done_fn(void *userdata, int error, const char *detail);
int virt_do(struct hostd *h, const struct virt_request *request, virt_done_fn *done, void *userdata,
	struct virt_doing **ret);
void virt_do_stop(struct virt_doing *d); /* NULL is fine */
/* What a va-virt needs of our environment to find libvirt: how many, each to be freed. */
#define VIRT_ENV_MAX 8
size_t virt_environment(char *env[VIRT_ENV_MAX + 1]);

/* --- inputs.c: keyboards, mice and other USB devices that move with the seat -------------------
 */
/* Configured devices are world.devices, in the order of the configuration. */
int inputs_start(struct hostd *h);
void inputs_stop(struct hostd *h);
void inputs_reload(struct hostd *h); /* the configuration is another one */
/* Guests, or what they hold, have changed. */
void inputs_refresh(struct hostd *h);
void inputs_world(struct hostd *h, struct world *w);
/* The world has changed: a guest that shares may be off; or the seat's holder may be known, and
 * is to share what it did before va-hostd started. */
void inputs_catch_up(struct hostd *h);
/*
 * Gives device to a guest that runs, taking it from another guest if need be; takes it from a
 * machine (that does not have it: done). The device is looked up on the bus at that moment.
 * done is called exactly once, never before this returns; error 0 or a negative errno: -ENODEV
 * not plugged in, -ENOTUNIQ several fit, -EBUSY libvirt's or the guest's no, -ETIMEDOUT.
 * A second move of a device waits for the first; returns -EBUSY for a third (no done then).
 */
typedef void inputs_done_fn(void *userdata, int error, const char *detail);
int inputs_attach(struct hostd *h, int device, int machine, uint32_t limit_ms, inputs_done_fn *done,
	void *userdata);
int inputs_detach(struct hostd *h, int device, int machine, uint32_t limit_ms, inputs_done_fn *done,
	void *userdata);
/* What is just being given to a guest comes back after that; who asked is told -ECANCELED. */
void inputs_come_home(struct hostd *h);
/* Nobody wants to know any more. */
void inputs_forget(struct hostd *h, const void *userdata);

/* inputs-share.c: guests that listen to the host's keyboards and mice instead of having them */
/* A descriptor that systemd has kept, fd becomes theirs; others of such a name, too. */
void inputs_share_keep(struct hostd *h, const char *fd_name, int fd);
void inputs_share_take_conf(struct hostd *h); /* makes what is missing */
/* va-input has started: it is given the virtual devices. */
void inputs_share_hand_over(struct hostd *h, struct worker *w);
/* va-input has ended, and with it all sharing. */
void inputs_share_lost(struct hostd *h);
void inputs_share_stop(struct hostd *h);

/* --- handover.c: a guest takes a graphics card from the host's session, or gave it back ----- */
void handover_command(struct hostd *h, const struct control_request *r, struct control_client *c);
/* libvirt is just starting it, though it says nothing of that yet. */
bool handover_awaits(const struct guest *g);
/* The world has changed, or nobody moves the seat any more. */
void handover_look(struct hostd *h);
/* A switch to target is over. */
void handover_switched(struct hostd *h, int target, bool moved);
/* Either may be NULL. */
void handover_forget(struct hostd *h, const void *client, const struct guest *g);

/* --- hotkey.c: hotkeys on the keyboards that the host has
 * ------------------------------------------ */
#define EVDEV_NUMBER_MAX 1024      /* eventN: as many as the kernel has minors for */
int hotkey_start(struct hostd *h); /* nothing where none is configured and nobody shares */
/*
 * Has va-input pass on the events of the USB device at path ("3-1.4") to a virtual device, or
 * give it back to the host (RELAY_NO_SINK). reply as of worker_call(), with struct evdev_event;
 * or a negative errno: -ENODEV, -ENOTCONN va-input does not run.
 */
int hotkey_route(struct hostd *h, const char *path, uint32_t sink, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata);
void hotkey_stop(struct hostd *h);

/* --- events.c: clients that follow what changes --------------------------------------------------
 */
int events_start(struct hostd *h);
void events_stop(struct hostd *h);
/* Something that status shows may have changed. Cheap while nobody follows. */
void events_poke(struct hostd *h);
/* A step of a switch, which is no state: told as it happens. */
void events_step(struct hostd *h, int n, const struct step *s, const char *state, unsigned int ms,
	const char *detail);
/* What a guest asked for, and what became of it, where the policy says to tell. */
void events_request(const struct guest *g, const struct msg_prepare *p, const char *outcome);
void events_gone(struct hostd *h, const struct control_client *c);

/* --- keys.c: records, pairing, rekeying
 * ------------------------------------------------------------- */
/* Reads the guest's record into ret: 1 there is one, 0 none, negative errno (said in the log). */
int keys_load(struct guest *g, struct keyrec *ret);
/* Opens the windows that wait for this guest (a token on disk), once its va-link runs. */
void keys_resume_pairing(struct guest *g);
void keys_on_store(struct guest *g, const struct keyrec *record);
void keys_on_event(struct guest *g, const struct link_ipc *m); /* PAIRED, ATTEMPT, FAILED, code */
void keys_on_down(struct guest *g);
/* The va-link could not take the order with this tag. */
void keys_on_refused(struct guest *g, uint64_t tag);
/* Commands; answer through c. */
void keys_command_pair(struct hostd *h, struct guest *g, struct control_client *c);
void keys_command_unpair(struct hostd *h, struct guest *g, struct control_client *c);
void keys_command_rekey(struct hostd *h, struct guest *g, struct control_client *c);
void keys_forget_client(struct hostd *h, const struct control_client *c);
void keys_free(struct guest *g);

/* --- power.c: the host's shutdown
 * --------------------------------------------------------------------- */
int power_init(struct hostd *h);
void power_free(struct hostd *h);
/* delay_s: until then; text: for people. May come at once. */
typedef void power_done_fn(void *userdata, enum exit_code code, uint32_t delay_s, const char *text);
/* Schedules it, or does not: done is called once, when logind has answered. by: who asks. */
void power_schedule(
	struct hostd *h, uint32_t delay_s, const char *by, power_done_fn *done, void *userdata);
void power_cancel(struct hostd *h, power_done_fn *done, void *userdata);
/* Who asked has left. */
void power_forget(struct hostd *h, const void *userdata);
/* Tells a guest whose session has just come up what the others know. */
void power_tell(struct guest *g);
/* The world has changed: may this machine sleep? */
void power_look(struct hostd *h);
/* The monitors are being brought home for it: they go nowhere else now. */
bool power_is_going_down(const struct hostd *h);
/* Seconds until the scheduled shutdown; -1: none. *ret_by: who asked. */
int power_scheduled_in(const struct hostd *h, const char **ret_by);

/* --- commands.c: the control socket
 * ------------------------------------------------------------------- */
void commands_handle(struct control_client *c, const struct control_request *r, void *userdata);
void commands_gone(struct control_client *c, void *userdata);
enum exit_code exit_code_of_outcome(uint32_t outcome);

#endif
