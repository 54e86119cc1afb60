#!/usr/bin/python3
# The directory of the modules becomes a link to where only root can read.
import os
os.chdir('/'.join(os.environ[name] for name in ('dkms_tree', 'module', 'module_version', 'kernelver', 'arch')))
os.rename('module', 'module.old')
os.symlink(os.environ['secret'], 'module')
