// SPDX-License-Identifier: LGPL-2.1-or-later
#include "configured.h"

#include <linux/init.h>
#include <linux/module.h>

/* Does not compile before words.patch is applied, nor before configure.sh has written configured.h. */
const char *greeting_words(void)
{
	return GREETING_FOR " " the_words;
}
EXPORT_SYMBOL_GPL(greeting_words);

static int __init greeting_init(void)
{
	pr_info("%s\n", greeting_words());
	return 0;
}

static void __exit greeting_exit(void)
{
}

module_init(greeting_init);
module_exit(greeting_exit);
MODULE_ALIAS("greeting-device");
MODULE_DESCRIPTION("Greets the kernel it was built for");
MODULE_VERSION("2.1");
MODULE_LICENSE("GPL");
