// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resident memory; see footprint.h.
 *
 * Theory of operation: segments that the program headers call not writable were never written,
 * relocated tables (RELRO) being part of writable ones; so dropping their pages loses nothing.
 */
#include "guest/daemon/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int trim_object(struct dl_phdr_info *info, size_t size, void *userdata)
{
	uintptr_t page = *(const uintptr_t *)userdata;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + h->p_vaddr, end = begin + h->p_memsz;

		if (h->p_type != PT_LOAD || (h->p_flags & PF_W))
			continue;
		/* whole pages only: the last may be shared with what follows */
		begin &= ~(page - 1);
		end &= ~(page - 1);
		/* an error (the vDSO) leaves things as they are */
		if (end > begin)
			madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void footprint_trim(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	malloc_trim(0);
	dl_iterate_phdr(trim_object, &page);
}
