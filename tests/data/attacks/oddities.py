#!/usr/bin/python3
# Names that are no text, directories that nobody may enter, and what becomes dangerous once it belongs to root.
import os, shutil, stat
for directory in ('.', '/'.join(os.environ[name] for name in ('dkms_tree', 'module', 'module_version', 'kernelver', 'arch'))):
    os.chdir(directory)
    os.makedirs(b'odd\xff\n/closed/inner')
    os.chmod(b'odd\xff\n/closed', 0)
    shutil.copy('/bin/true', 'setuid')
    os.chmod('setuid', 0o6755)
    os.mkfifo('fifo')
    os.symlink('/etc/shadow', 'shadow')
    os.symlink(os.environ['secret'], 'secret')
    os.mknod('socket', stat.S_IFSOCK | 0o666)
    open('.dkmsd.json', 'w').write('{"modules": []}')
