#!/usr/bin/python3
# 100 000 entries where results are looked for, and where the module is built.
import os
for directory in ('.', '/'.join(os.environ[name] for name in ('dkms_tree', 'module', 'module_version', 'kernelver', 'arch'))):
    os.chdir(directory)
    for number in range(50000):
        os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
