// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Domain definitions as libvirt, virt-manager and people write them, the nasty ones included.
 */
#include "host/virt/domxml.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define DEVICES(x) "<domain type='kvm'><name>zorg</name><devices>" x "</devices></domain>"
#define CHANNEL    "<channel type='unix'><target type='virtio' name='org.virtaid.0'/></channel>"
#define PCI(d, b, s, f)                                                                  \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='" d \
	"' bus='" b "' slot='" s "' function='" f "'/></source></hostdev>"
#define QEMU(x)                                                                       \
	"<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>" \
	"<name>zorg</name>" x "</domain>"

static struct domxml x;
static char err[200];

static int parse(const char *s)
{
	memset(err, 0, sizeof(err));
	return domxml_parse(s, strlen(s), &x, err, sizeof(err));
}

static void live_channel(void)
{
	CHECK_EQ(parse("<domain type='kvm' id='7'>\n <name> zorg\n</name>"
		       "<uuid>6695eb01-f6a4-8304-79aa-97f2502e1933</uuid><genid>x</genid>"
		       "<devices><channel type='unix'>"
		       "<source mode='bind' path='/run/libvirt/qemu/channel/7-zorg/org.virtaid.0'/>"
		       "<target type='virtio' name='org.virtaid.0' state='connected'/>"
		       "<alias name='channel1'/></channel></devices></domain>"),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_CHANNEL | VIRT_FLAG_PORT_OPEN | VIRT_FLAG_GENID);
	CHECK(x.live);
	CHECK_STR(x.name, "zorg");
	CHECK_STR(x.uuid, "6695eb01-f6a4-8304-79aa-97f2502e1933");
	CHECK_STR(x.channel_path, "/run/libvirt/qemu/channel/7-zorg/org.virtaid.0");
	CHECK_STR(x.channel_alias, "channel1");
}

static void inactive_channel_has_no_path(void)
{
	CHECK_EQ(parse(DEVICES(CHANNEL)), 0);
	CHECK_EQ(x.flags, VIRT_FLAG_CHANNEL);
	CHECK(!x.live);
	CHECK_STR(x.channel_path, "");
	CHECK_STR(x.uuid, "");
}

static void closed_port(void)
{
	CHECK_EQ(parse(DEVICES("<channel type='unix'><target type='virtio' name='org.virtaid.0'"
			       " state='disconnected'/></channel>")),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_CHANNEL);
}

static void not_our_channel(void)
{
	static const char *const others[] = {
		/* another name, a longer one, a shorter one, one in another case */
		DEVICES("<channel type='unix'><target type='virtio' "
			"name='org.virtaid.1'/></channel>"),
		DEVICES("<channel type='unix'><target type='virtio' "
			"name='org.virtaid.00'/></channel>"),
		DEVICES("<channel type='unix'><target type='virtio' "
			"name='org.virtaid'/></channel>"),
		DEVICES("<channel type='unix'><target type='virtio' "
			"name='ORG.virtaid.0'/></channel>"),
		/* the name on another kind of channel */
		DEVICES("<channel type='qemu-vdagent'><target type='virtio' name='org.virtaid.0'/>"
			"</channel>"),
		DEVICES("<channel type='unix'><target type='xen' name='org.virtaid.0'/></channel>"),
		DEVICES("<channel type='unix'><target type='guestfwd' address='10.0.2.1'"
			" name='org.virtaid.0'/></channel>"),
		/* QEMU dials, nobody listens */
		DEVICES("<channel type='unix'><source mode='connect' path='/run/x'/>"
			"<target type='virtio' name='org.virtaid.0'/></channel>"),
		DEVICES("<channel type='unix'/>"),
		/* not where libvirt has it */
		"<domain>" CHANNEL "</domain>",
		DEVICES("<console>" CHANNEL "</console>"),
		"<domain><metadata><devices>" CHANNEL "</devices></metadata></domain>",
		DEVICES("<!-- " CHANNEL " -->"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CHECK_EQ(parse(others[i]), 0);
		CHECK_EQ(x.flags, 0);
	}
}

static void path_too_long_to_connect(void)
{
	char xml[400], path[200];

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	snprintf(xml, sizeof(xml),
		DEVICES("<channel type='unix'><source path='%s'/>"
			"<target type='virtio' name='org.virtaid.0'/></channel>"),
		path);
	CHECK_EQ(parse(xml), 0);
	CHECK_STR(x.channel_path, path);
	path[107] = 'p';
	path[108] = '\0';
	snprintf(xml, sizeof(xml),
		DEVICES("<channel type='unix'><source path='%s'/>"
			"<target type='virtio' name='org.virtaid.0'/></channel>"),
		path);
	CHECK_EQ(parse(xml), 0);
	CHECK_STR(x.channel_path, "");
	CHECK_EQ(x.flags, VIRT_FLAG_CHANNEL);
}

static void pci_addresses(void)
{
	CHECK_EQ(parse(DEVICES(PCI("0x0000", "0x03", "0x00", "0x0") PCI("0", "3", "0", "1") PCI(
			 "0x10000", "0xe0", "0x06", "0x7") PCI("0x0000", "0x03", "0x00", "0x0"))),
		0);
	CHECK_EQ(x.n_hostdevs, 3);
	CHECK_STR(x.hostdevs[0], "0000:03:00.0");
	CHECK_STR(x.hostdevs[1], "0000:03:00.1");
	CHECK_STR(x.hostdevs[2], "10000:e0:06.7");
	CHECK_EQ(x.managed, 7);
	/* what is missing is zero, as for libvirt; a leading zero is octal, as for libvirt */
	CHECK_EQ(parse(DEVICES(
			 "<hostdev type='pci'><source><address bus='010'/></source></hostdev>")),
		0);
	CHECK_STR(x.hostdevs[0], "0000:08:00.0");
	CHECK_EQ(x.managed, 0);
}

static void other_pci_users(void)
{
	CHECK_EQ(parse(DEVICES(
			 "<interface type='hostdev' managed='yes'><source><address type='pci' "
			 "domain='0x0000'"
			 " bus='0x04' slot='0x10' function='0x2'/></source></interface>"
			 "<disk type='nvme' device='disk'><source type='pci' managed='no'>"
			 "<address domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"
			 "</source></disk>"
			 "<hostdev mode='subsystem' type='usb'><source><vendor id='0x046d'/>"
			 "<product id='0xc52b'/><address bus='1' device='14'/></source></hostdev>"
			 "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>"
			 "<address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"
			 "<hostdev mode='capabilities' type='misc'><source><char>/dev/x</char>"
			 "</source></hostdev>")),
		0);
	CHECK_EQ(x.n_hostdevs, 2);
	CHECK_STR(x.hostdevs[0], "0000:04:10.2");
	CHECK_STR(x.hostdevs[1], "0000:05:00.0");
	CHECK_EQ(x.managed, 1);
	CHECK_EQ(x.flags, 0);
}

static void more_devices_than_fit(void)
{
	char xml[16384] = "<domain><devices>";

	for (int i = 0; i < 40; i++)
		snprintf(xml + strlen(xml), sizeof(xml) - strlen(xml), PCI("0", "%d", "0", "0"), i);
	strncat(xml, "</devices></domain>", sizeof(xml) - strlen(xml) - 1);
	CHECK_EQ(parse(xml), 0);
	CHECK_EQ(x.n_hostdevs, DOMXML_MAX_DEVS);
	CHECK_STR(x.hostdevs[DOMXML_MAX_DEVS - 1], "0000:1f:00.0");
}

#define USB(x) "<hostdev mode='subsystem' type='usb'><source>" x "</source></hostdev>"

static void usb_devices(void)
{
	/* by ids alone, by ids and address, by address alone, as decimals, without a source */
	CHECK_EQ(
		parse(DEVICES(USB("<vendor id='0x046d'/><product id='0xc52b'/>") USB(
			"<vendor id='0x0627'/><product id='0x0001'/><address bus='3' device='12'/>")
				USB("<address bus='1' device='0x2'/>") USB(
					"<vendor id='1133'/><product id='1'/>") "<hostdev "
										"type='usb'/>")),
		0);
	CHECK_EQ(x.n_usb, 5);
	CHECK_EQ(x.n_hostdevs, 0);
	CHECK_EQ(x.usb[0].vendor, 0x046d);
	CHECK_EQ(x.usb[0].product, 0xc52b);
	CHECK_EQ(x.usb[0].bus, 0);
	CHECK_EQ(x.usb[0].device, 0);
	CHECK_EQ(x.usb[1].vendor, 0x0627);
	CHECK_EQ(x.usb[1].bus, 3);
	CHECK_EQ(x.usb[1].device, 12);
	CHECK_EQ(x.usb[2].vendor, 0);
	CHECK_EQ(x.usb[2].bus, 1);
	CHECK_EQ(x.usb[2].device, 2);
	CHECK_EQ(x.usb[3].vendor, 0x046d);
	CHECK_EQ(x.usb[4].vendor, 0);
	CHECK_EQ(parse(DEVICES(USB("<vendor id='0x10000'/>"))), -EINVAL);
	CHECK_STR(err, "line 1: id=\"0x10000\" is out of range");
}

static void bad_addresses_name_their_line(void)
{
	static const char *const bad[] = { PCI("0", "256", "0", "0"), PCI("0", "0", "32", "0"),
		PCI("0", "0", "0", "8"), PCI("0", "-1", "0", "0"),
		PCI("0", "-18446744073709551615", "0", "0"), PCI("0", "zz", "0", "0"),
		PCI("0", "", "0", "0"), PCI("0", "08", "0", "0"), PCI("0x100000000", "0", "0", "0"),
		PCI("0", "0x", "0", "0"), "<hostdev type='pci'/>",
		"<hostdev type='pci'><source/></hostdev>" };
	char xml[600];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(
			xml, sizeof(xml), "<domain>\n<devices>\n%s\n</devices>\n</domain>", bad[i]);
		CHECK_EQ(parse(xml), -EINVAL);
		CHECK(!strncmp(err, "line 3: ", 8));
		CHECK_EQ(x.n_hostdevs, 0);
	}
}

static void fwcfg_item(void)
{
	CHECK_EQ(parse("<domain><sysinfo type='smbios'><entry "
		       "name='opt/org.virtaid/pair'/></sysinfo>"
		       "</domain>"),
		0);
	CHECK_EQ(x.flags, 0);
	CHECK_EQ(parse("<domain><sysinfo type='fwcfg'><entry name='opt/other'>y</entry></sysinfo>"
		       "</domain>"),
		0);
	CHECK_EQ(x.flags, 0);
	CHECK_EQ(parse("<domain><sysinfo type='smbios'/><sysinfo type='fwcfg'>"
		       "<entry name='opt/other'>y</entry>"
		       "<entry name='opt/org.virtaid/pair' "
		       "file='/var/lib/virt-aid/pair/z'/></sysinfo>"
		       "</domain>"),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_FWCFG);
	CHECK_EQ(parse(QEMU("<qemu:commandline><qemu:arg value='-fw_cfg'/>"
			    "<qemu:arg "
			    "value='name=opt/org.virtaid/pair,file=/x'/></qemu:commandline>")),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_FWCFG);
	CHECK_EQ(parse(QEMU("<qemu:commandline><qemu:arg value='-fw_cfg'/>"
			    "<qemu:arg value='name=opt/org.virtaid/pairs,file=/x'/>"
			    "</qemu:commandline>")),
		0);
	CHECK_EQ(x.flags, 0);
}

static void raw_vfio(void)
{
	CHECK_EQ(
		parse(QEMU("<qemu:commandline><qemu:arg value='-device'/>"
			   "<qemu:arg value='vfio-pci,host=01:00.0,multifunction=on,x-vga=on'/>"
			   "<qemu:arg value='-device'/>"
			   "<qemu:arg value='{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.1\"}'/>"
			   "<qemu:env name='A' value='vfio-pci'/></qemu:commandline>")),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_RAW_VFIO);
	CHECK_EQ(x.n_hostdevs, 2);
	CHECK_STR(x.hostdevs[0], "0000:01:00.0");
	CHECK_STR(x.hostdevs[1], "0000:01:00.1");
	/* another prefix for the same namespace, and the prefix without its declaration */
	CHECK_EQ(parse("<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
		       "<q:commandline><q:arg value='vfio-pci,sysfsdev=/sys/x'/></q:commandline>"
		       "</domain>"),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_RAW_VFIO);
	CHECK_EQ(x.n_hostdevs, 0);
	CHECK_EQ(parse("<domain><qemu:commandline><qemu:arg value='vfio-pci'/></qemu:commandline>"
		       "</domain>"),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_RAW_VFIO);
	/* an override */
	CHECK_EQ(parse(QEMU("<qemu:override><qemu:device alias='net0'><qemu:frontend>"
			    "<qemu:property name='driver' type='string' value='vfio-pci'/>"
			    "</qemu:frontend></qemu:device></qemu:override><memory>1</memory>")),
		0);
	CHECK_EQ(x.flags, VIRT_FLAG_RAW_VFIO);
	/* of another namespace altogether */
	CHECK_EQ(parse("<domain xmlns:qemu='http://example.org/'><qemu:commandline>"
		       "<qemu:arg value='vfio-pci'/></qemu:commandline></domain>"),
		0);
	CHECK_EQ(x.flags, 0);
}

static void raw_vfio_addresses(void)
{
	static const struct {
		const char *arg, *want;
	} rows[] = {
		{ "vfio-pci,host=01:00.0", "0000:01:00.0" },
		{ "vfio-pci,id=hostdev0,host=10000:e1:1f.7", "10000:e1:1f.7" },
		{ "vfio-pci,host=0000:0A:00.0,x", "0000:0a:00.0" },
		{ "{\"host\": \"02:00.1\"}", "0000:02:00.1" },
		{ "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:01:00.0", NULL },
		{ "vfio-pci,localhost=01:00.0", NULL },
		{ "vfio-pci,host=", NULL },
		{ "vfio-pci,host", NULL },
		{ "vfio-pci,host=01:20.0", NULL },
		{ "vfio-pci,host=01:00", NULL },
		{ "vfio-pci,host=01:00.9", NULL },
		{ "", NULL },
	};
	char out[VIRT_PCI_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool found = domxml_vfio_address(rows[i].arg, out);

		CHECK_EQ(found, rows[i].want != NULL);
		if (found)
			CHECK_STR(out, rows[i].want);
	}
}

static void odd_but_good(void)
{
	/* a comment first, a processing instruction, a byte order mark, CRLF, tabs, CDATA */
	CHECK_EQ(parse("<!--\nWARNING: do not edit\n-->\n<domain type='kvm'>\n\t<name>a b</name>\n"
		       "</domain>\n<!-- end -->"),
		0);
	CHECK_STR(x.name, "a b");
	CHECK_EQ(parse("\xef\xbb\xbf<?xml version='1.0'?>\r\n<domain>\r\n<name>w</name>\r\n"
		       "<unknown><devices>" CHANNEL "</devices></unknown></domain>\r\n"),
		0);
	CHECK_STR(x.name, "w");
	CHECK_EQ(x.flags, 0);
	CHECK_EQ(parse("<domain><name><![CDATA[c<d]]>&amp;&#x41;</name></domain>"), 0);
	CHECK_STR(x.name, "c<d&A");
	CHECK_EQ(parse("<domain/>"), 0);
	CHECK_EQ(parse("<domain><devices/><name/></domain>"), 0);
	/* two lists of devices, and a name in UTF-8 */
	CHECK_EQ(parse("<domain><name>z\xc3\xb6rg</name><devices>" CHANNEL
		       "</devices><devices>" PCI("0", "1", "0", "0") "</devices></domain>"),
		0);
	CHECK_EQ(x.n_hostdevs, 1);
	CHECK_EQ(x.flags, VIRT_FLAG_CHANNEL);
}

static void long_names_are_left_out(void)
{
	char xml[600], name[300];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	snprintf(xml, sizeof(xml), "<domain><name>%s</name></domain>", name);
	CHECK_EQ(parse(xml), 0);
	CHECK_STR(x.name, name);
	name[255] = 'n';
	name[256] = '\0';
	snprintf(xml, sizeof(xml), "<domain><name>%s</name></domain>", name);
	CHECK_EQ(parse(xml), 0);
	CHECK_STR(x.name, "");
}

static void malformed_names_the_line(void)
{
	static const struct {
		const char *xml, *start;
	} rows[] = {
		{ "<domain>\n<name>x</nam>\n</domain>", "line 2: " },
		{ "<domain>\n\n<devices>", "line 3: " },
		{ "<domain a='1' a='2'/>", "line 1: " },
		{ "<domain>\n&undefined;\n</domain>", "line 2: " },
		{ "<network><name>x</name></network>", "line 1: not a <domain>" },
		{ "{}", "line 1: " },
		{ "", "line 0: empty" },
		{ "\xff\xfe\xfd", "line 1: " },
		{ "<domain>\xc3(</domain>", "line 1: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_EQ(parse(rows[i].xml), -EINVAL);
		if (strncmp(err, rows[i].start, strlen(rows[i].start)))
			CHECK_STR(err, rows[i].start);
		CHECK(!strchr(err, '\n'));
	}
	/* a NUL in the middle, and truncation at every length */
	CHECK_EQ(domxml_parse("<domain>\0</domain>", 18, &x, err, sizeof(err)), -EINVAL);
	for (size_t n = 1; n < strlen(DEVICES(CHANNEL)); n++)
		CHECK_EQ(domxml_parse(DEVICES(CHANNEL), n, &x, err, sizeof(err)), -EINVAL);
}

static void doctype_is_refused(void)
{
	CHECK_EQ(parse("<!DOCTYPE domain [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
		       "<domain><name>&b;</name></domain>"),
		-EBADMSG);
	CHECK_EQ(parse("<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>"), -EBADMSG);
	CHECK_EQ(parse("<!DOCTYPE domain><domain/>"), -EBADMSG);
	CHECK_STR(x.name, "");
}

static void size_and_depth_have_limits(void)
{
	size_t size = DOMXML_MAX_SIZE + 1, n = 0;
	char *big = malloc(size);

	CHECK(big != NULL);
	memset(big, ' ', size);
	CHECK_EQ(domxml_parse(big, size, &x, err, sizeof(err)), -E2BIG);
	memcpy(big, "<domain/>", 9);
	CHECK_EQ(domxml_parse(big, size - 1, &x, err, sizeof(err)), 0);
	n += (size_t)sprintf(big, "<domain>");
	for (int i = 0; i < 100000; i++)
		n += (size_t)sprintf(big + n, "<a>");
	CHECK_EQ(domxml_parse(big, n, &x, err, sizeof(err)), -EINVAL);
	free(big);
}

static void short_error_buffers(void)
{
	char small[8];

	for (size_t n = 1; n <= sizeof(small); n++) {
		memset(small, 'Z', sizeof(small));
		CHECK_EQ(domxml_parse("<a>", 3, &x, small, n), -EINVAL);
		CHECK(memchr(small, 0, n) != NULL);
		CHECK(n == sizeof(small) || small[n] == 'Z');
	}
}

TEST_MAIN({ "live_channel", live_channel },
	{ "inactive_channel_has_no_path", inactive_channel_has_no_path },
	{ "closed_port", closed_port }, { "not_our_channel", not_our_channel },
	{ "path_too_long_to_connect", path_too_long_to_connect },
	{ "pci_addresses", pci_addresses }, { "other_pci_users", other_pci_users },
	{ "more_devices_than_fit", more_devices_than_fit }, { "usb_devices", usb_devices },
	{ "bad_addresses_name_their_line", bad_addresses_name_their_line },
	{ "fwcfg_item", fwcfg_item }, { "raw_vfio", raw_vfio },
	{ "raw_vfio_addresses", raw_vfio_addresses }, { "odd_but_good", odd_but_good },
	{ "long_names_are_left_out", long_names_are_left_out },
	{ "malformed_names_the_line", malformed_names_the_line },
	{ "doctype_is_refused", doctype_is_refused },
	{ "size_and_depth_have_limits", size_and_depth_have_limits },
	{ "short_error_buffers", short_error_buffers });
