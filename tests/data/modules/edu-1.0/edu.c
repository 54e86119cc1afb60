// SPDX-License-Identifier: LGPL-2.1-or-later
// Drives QEMU's device for teaching: while there is one, /proc/edu says what it identifies itself with.
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int edu_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%08x\n", readl(file->private));
	return 0;
}

static int edu_probe(struct pci_dev *device, const struct pci_device_id *id)
{
	int error = pcim_enable_device(device);

	if (!error)
		error = pcim_iomap_regions(device, BIT(0), "edu");
	if (!error && !proc_create_single_data("edu", 0444, NULL, edu_show, pcim_iomap_table(device)[0]))
		error = -EEXIST;
	return error;
}

static void edu_remove(struct pci_dev *device)
{
	remove_proc_entry("edu", NULL);
}

static const struct pci_device_id edu_devices[] = { { PCI_DEVICE(0x1234, 0x11e8) }, { } };
MODULE_DEVICE_TABLE(pci, edu_devices);

static struct pci_driver edu_driver = { .name = "edu", .id_table = edu_devices, .probe = edu_probe, .remove = edu_remove };
module_pci_driver(edu_driver);
MODULE_DESCRIPTION("Drives QEMU's device for teaching");
MODULE_VERSION("1.0");
MODULE_LICENSE("GPL");
