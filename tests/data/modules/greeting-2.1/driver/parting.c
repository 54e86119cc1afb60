// SPDX-License-Identifier: LGPL-2.1-or-later
#include <linux/init.h>
#include <linux/module.h>

extern const char *greeting_words(void);

static int __init parting_init(void)
{
	pr_info("no more of: %s\n", greeting_words());
	return 0;
}

static void __exit parting_exit(void)
{
}

module_init(parting_init);
module_exit(parting_exit);
MODULE_DESCRIPTION("Takes its leave");
MODULE_VERSION("2.1");
MODULE_LICENSE("GPL");
