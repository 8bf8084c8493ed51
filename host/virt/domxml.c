// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * libxml2 builds the tree, this file looks at the few elements that matter, each at its one
 * place below <domain>, and ignores everything else: definitions carry elements of libvirt
 * versions yet to come. A channel is ours by exact target name and type, never by name alone,
 * for a SPICE channel may carry any name. Numbers are read as libvirt reads them (base 0: "010"
 * is eight). A document type declaration stops the parser at once: libvirt never writes one.
 * Called by the fetcher for what libvirt returns, by tests and the fuzzer with anything.
 */
#include "host/virt/domxml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QEMU_NS "http://libvirt.org/schemas/domain/qemu/1.0"

struct parse {
	struct domxml *out;
	char *err;
	size_t errsz;
};

static void cleanup_xmlFreep(xmlChar **p)
{
	xmlFree(*p);
}

static void cleanup_xmlDocp(xmlDoc **p)
{
	xmlFreeDoc(*p);
}

static void cleanup_xmlCtxtp(xmlParserCtxt **p)
{
	xmlFreeParserCtxt(*p);
}

__attribute__((format(printf, 4, 5))) static int fail(
	const struct parse *p, int error, long line, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(p->err, p->errsz, "line %ld: ", line);

	if (n >= 0 && (size_t)n < p->errsz) {
		va_start(ap, fmt);
		(void)vsnprintf(p->err + n, p->errsz - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return error;
}

static bool is_element(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, (const xmlChar *)name);
}

/* An element of QEMU's namespace; with the prefix undeclared libxml2 leaves it in the name. */
static bool is_qemu(const xmlNode *n, const char *name)
{
	if (n->type != XML_ELEMENT_NODE)
		return false;
	if (n->ns && xmlStrEqual(n->ns->href, (const xmlChar *)QEMU_NS))
		return xmlStrEqual(n->name, (const xmlChar *)name);
	return !strncmp((const char *)n->name, "qemu:", 5) &&
	       !strcmp((const char *)n->name + 5, name);
}

static xmlNode *child(const xmlNode *n, const char *name)
{
	for (xmlNode *c = n->children; c; c = c->next)
		if (is_element(c, name))
			return c;
	return NULL;
}

static bool attr_is(const xmlNode *n, const char *name, const char *value)
{
	CLEANUP(xmlFree) xmlChar *v = xmlGetNoNsProp(n, (const xmlChar *)name);

	return v && !strcmp((const char *)v, value);
}

/* Copies an attribute into out[outsz]; empty if it is missing or does not fit. */
static void attr_copy(const xmlNode *n, const char *name, char *out, size_t outsz)
{
	CLEANUP(xmlFree) xmlChar *v = xmlGetNoNsProp(n, (const xmlChar *)name);

	out[0] = '\0';
	if (v && strlen((const char *)v) < outsz)
		memcpy(out, v, strlen((const char *)v) + 1);
}

/* The text of an element without the blanks around it; empty if it does not fit. */
static void text_copy(const xmlNode *n, char *out, size_t outsz)
{
	CLEANUP(xmlFree) xmlChar *v = xmlNodeGetContent(n);
	const char *s = (const char *)v;
	size_t len;

	out[0] = '\0';
	if (!s)
		return;
	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len && strchr(" \t\r\n", s[len - 1]))
		len--;
	if (len < outsz) {
		memcpy(out, s, len);
		out[len] = '\0';
	}
}

static int attr_number(const struct parse *p, const xmlNode *n, const char *name, unsigned long max,
	unsigned int *ret)
{
	CLEANUP(xmlFree) xmlChar *v = xmlGetNoNsProp(n, (const xmlChar *)name);
	unsigned long number;
	char *end;

	*ret = 0;
	if (!v)
		return 0; /* libvirt takes what is not there as 0, too */
	errno = 0;
	number = strtoul((const char *)v, &end, 0);
	if (errno || end == (const char *)v || *end || number > max || strchr((const char *)v, '-'))
		return fail(p, -EINVAL, xmlGetLineNo(n), "%s=\"%s\" is out of range", name,
			escape((const char *)v));
	*ret = (unsigned int)number;
	return 0;
}

static void add_hostdev(struct domxml *x, const char *address, bool managed)
{
	_Static_assert(DOMXML_MAX_DEVS <= 32, "managed has a bit for each");
	for (uint32_t i = 0; i < x->n_hostdevs; i++)
		if (!strcmp(x->hostdevs[i], address))
			return;
	if (x->n_hostdevs == DOMXML_MAX_DEVS)
		return;
	x->managed |= (uint32_t)managed << x->n_hostdevs;
	(void)snprintf(x->hostdevs[x->n_hostdevs++], VIRT_PCI_SIZE, "%s", address);
}

/* <source><address domain= bus= slot= function=/></source>; managed= is there or on dev. */
static int read_pci_source(const struct parse *p, const xmlNode *dev)
{
	const xmlNode *source = child(dev, "source");
	const xmlNode *a = source ? child(source, "address") : NULL;
	unsigned int domain, bus, slot, function;
	char address[VIRT_PCI_SIZE];
	int r;

	if (!a)
		return fail(p, -EINVAL, xmlGetLineNo(dev), "a PCI device without an address");
	if ((r = attr_number(p, a, "domain", UINT32_MAX, &domain)) < 0 ||
		(r = attr_number(p, a, "bus", 0xff, &bus)) < 0 ||
		(r = attr_number(p, a, "slot", 0x1f, &slot)) < 0 ||
		(r = attr_number(p, a, "function", 7, &function)) < 0)
		return r;
	(void)snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", domain, bus, slot, function);
	add_hostdev(p->out, address,
		attr_is(dev, "managed", "yes") || attr_is(source, "managed", "yes"));
	return 0;
}

/* <source><vendor id=/><product id=/><address bus= device=/></source> */
static int read_usb(const struct parse *p, const xmlNode *dev)
{
	const xmlNode *source = child(dev, "source");
	const xmlNode *vendor = source ? child(source, "vendor") : NULL;
	const xmlNode *product = source ? child(source, "product") : NULL;
	const xmlNode *a = source ? child(source, "address") : NULL;
	unsigned int v = 0, pr = 0, bus = 0, device = 0;
	int r = 0;

	if (vendor)
		r = attr_number(p, vendor, "id", UINT16_MAX, &v);
	if (r == 0 && product)
		r = attr_number(p, product, "id", UINT16_MAX, &pr);
	if (r == 0 && a)
		r = attr_number(p, a, "bus", UINT16_MAX, &bus);
	if (r == 0 && a)
		r = attr_number(p, a, "device", UINT16_MAX, &device);
	if (r == 0 && p->out->n_usb < VIRT_MAX_USB)
		p->out->usb[p->out->n_usb++] = (struct virt_usb){ .bus = (uint16_t)bus,
			.device = (uint16_t)device,
			.vendor = (uint16_t)v,
			.product = (uint16_t)pr };
	return r;
}

static void read_channel(const struct parse *p, const xmlNode *channel)
{
	const xmlNode *target = child(channel, "target"), *source = child(channel, "source");
	const xmlNode *alias = child(channel, "alias");

	if (!attr_is(channel, "type", "unix") || !target || !attr_is(target, "type", "virtio") ||
		!attr_is(target, "name", DOMXML_CHANNEL))
		return;
	if (source && attr_is(source, "mode", "connect"))
		return; /* QEMU would call us; there is nothing to connect to */
	p->out->flags |= VIRT_FLAG_CHANNEL;
	if (attr_is(target, "state", "connected"))
		p->out->flags |= VIRT_FLAG_PORT_OPEN;
	if (source)
		attr_copy(source, "path", p->out->channel_path, sizeof(p->out->channel_path));
	if (alias)
		attr_copy(alias, "name", p->out->channel_alias, sizeof(p->out->channel_alias));
}

static int read_devices(const struct parse *p, const xmlNode *devices)
{
	int r = 0;

	for (const xmlNode *n = devices->children; n && r == 0; n = n->next) {
		if (is_element(n, "channel"))
			read_channel(p, n);
		else if (is_element(n, "hostdev") && attr_is(n, "type", "pci"))
			r = read_pci_source(p, n);
		else if (is_element(n, "hostdev") && attr_is(n, "type", "usb"))
			r = read_usb(p, n);
		else if (is_element(n, "disk") && attr_is(n, "type", "nvme"))
			r = read_pci_source(p, n);
		else if (is_element(n, "interface") && attr_is(n, "type", "hostdev"))
			r = read_pci_source(p, n);
	}
	return r;
}

bool domxml_vfio_address(const char *arg, char ret[VIRT_PCI_SIZE])
{
	const char *s = arg;
	unsigned int domain, bus, slot, function;
	int end = 0;

	while ((s = strstr(s, "host"))) {
		bool starts = s == arg || strchr(",\" ", s[-1]);

		s += strlen("host");
		if (!starts || !strchr("=\"", *s) || !*s)
			continue;
		s += strspn(s, "\"=: ");
		if (sscanf(s, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
			!end) {
			domain = 0;
			if (sscanf(s, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 || !end)
				return false;
		}
		if (slot > 0x1f || function > 7)
			return false;
		(void)snprintf(ret, VIRT_PCI_SIZE, "%04x:%02x:%02x.%x", domain, bus & 0xff, slot,
			function);
		return true;
	}
	return false;
}

static void read_raw_argument(struct domxml *x, const char *value)
{
	static const char item[] = "name=" DOMXML_FWCFG;
	const char *fwcfg = strstr(value, item);
	char address[VIRT_PCI_SIZE];

	if (fwcfg && strchr(",", fwcfg[sizeof(item) - 1])) /* strchr finds the end, too */
		x->flags |= VIRT_FLAG_FWCFG;
	if (!strstr(value, "vfio-pci"))
		return;
	x->flags |= VIRT_FLAG_RAW_VFIO;
	if (domxml_vfio_address(value, address))
		add_hostdev(x, address, false);
}

/* <qemu:commandline><qemu:arg value=/>, <qemu:override><qemu:device><qemu:frontend><qemu:property>
 */
static void read_raw(struct domxml *x, const xmlNode *top)
{
	const xmlNode *n = top->children;

	while (n) {
		if (is_qemu(n, "arg") || is_qemu(n, "property")) {
			CLEANUP(xmlFree) xmlChar *v = xmlGetNoNsProp(n, (const xmlChar *)"value");

			if (v)
				read_raw_argument(x, (const char *)v);
		}
		if (n->type == XML_ELEMENT_NODE && n->children) {
			n = n->children;
			continue;
		}
		while (n && n != top && !n->next)
			n = n->parent;
		n = n && n != top ? n->next : NULL;
	}
}

static void read_sysinfo(struct domxml *x, const xmlNode *sysinfo)
{
	if (!attr_is(sysinfo, "type", "fwcfg"))
		return;
	for (const xmlNode *n = sysinfo->children; n; n = n->next)
		if (is_element(n, "entry") && attr_is(n, "name", DOMXML_FWCFG))
			x->flags |= VIRT_FLAG_FWCFG;
}

static int read_domain(const struct parse *p, const xmlNode *domain)
{
	CLEANUP(xmlFree) xmlChar *id = xmlGetNoNsProp(domain, (const xmlChar *)"id");
	struct domxml *x = p->out;
	int r = 0;

	x->live = id != NULL;
	for (const xmlNode *n = domain->children; n && r == 0; n = n->next) {
		if (is_element(n, "name"))
			text_copy(n, x->name, sizeof(x->name));
		else if (is_element(n, "uuid"))
			text_copy(n, x->uuid, sizeof(x->uuid));
		else if (is_element(n, "genid"))
			x->flags |= VIRT_FLAG_GENID;
		else if (is_element(n, "sysinfo"))
			read_sysinfo(x, n);
		else if (is_element(n, "devices"))
			r = read_devices(p, n);
		else if (is_qemu(n, "commandline") || is_qemu(n, "override"))
			read_raw(x, n);
	}
	return r;
}

/* SAX: a document type declaration begins. */
static void refuse_doctype(
	void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	xmlParserCtxt *ctxt = ctx;

	(void)name, (void)external, (void)system;
	*(bool *)ctxt->_private = true;
	xmlStopParser(ctxt);
}

static int read_tree(const struct parse *p, const void *xml, int size)
{
	CLEANUP(xmlCtxt) xmlParserCtxt *ctxt = xmlNewParserCtxt();
	CLEANUP(xmlDoc) xmlDoc *doc = NULL;
	bool doctype = false;
	const xmlNode *root;

	if (!ctxt)
		return fail(p, -ENOMEM, 0, "out of memory");
	ctxt->_private = &doctype;
	ctxt->sax->internalSubset = refuse_doctype;
	doc = xmlCtxtReadMemory(ctxt, xml, size, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (doctype)
		return fail(p, -EBADMSG, 1, "a document type declaration has no place here");
	if (!doc) { /* NULL unless it is well-formed */
		const xmlError *e = xmlCtxtGetLastError(ctxt);
		const char *what = e && e->message ? e->message : "not well-formed XML";

		return fail(p, -EINVAL, e ? e->line : 0, "%s",
			escape_bytes(what, strcspn(what, "\n"), (char[120]){ 0 }, 120));
	}
	root = xmlDocGetRootElement(doc);
	if (!root || !is_element(root, "domain"))
		return fail(p, -EINVAL, root ? xmlGetLineNo(root) : 0, "not a <domain>");
	return read_domain(p, root);
}

int domxml_parse(const void *xml, size_t size, struct domxml *ret, char *err, size_t errsz)
{
	const struct parse p = { .out = ret, .err = err, .errsz = errsz };
	int r;

	*ret = (struct domxml){ 0 };
	if (size > DOMXML_MAX_SIZE)
		r = fail(&p, -E2BIG, 0, "longer than %u bytes", DOMXML_MAX_SIZE);
	else if (size == 0)
		r = fail(&p, -EINVAL, 0, "empty");
	else
		r = read_tree(&p, xml, (int)size);
	if (r < 0)
		*ret = (struct domxml){ 0 };
	return r;
}
