#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes a package of the module in ./source: rpm_package.sh RELEASE VERSION KERNEL. It is ./hello-VERSION-RELEASE.rpm.
set -e
release=$1 version=$2 kernel=$3
cat > hello.spec <<END
Name: hello-dkms
Version: $version
Release: $release
Summary: A module
License: LGPL
BuildArch: noarch
%description
A module.
%install
mkdir -p %{buildroot}/usr/src/hello-$version
cp $PWD/source/* %{buildroot}/usr/src/hello-$version
sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="$version"/' %{buildroot}/usr/src/hello-$version/dkms.conf
sed -i 's/^version=.*/version=$version/' %{buildroot}/usr/src/hello-$version/hello.c
%files
/usr/src/hello-$version
%post
dkms add -m hello -v $version -q --rpm_safe_upgrade || :
dkms build -m hello -v $version -k $kernel -q || :
dkms install -m hello -v $version -k $kernel -q --force || :
%preun
dkms remove -m hello -v $version -q --all --rpm_safe_upgrade || :
END
rpmbuild --quiet --define "_topdir $PWD/rpmbuild" --define '__os_install_post %{nil}' --dbpath "$PWD/db" --nodeps -bb hello.spec
mv rpmbuild/RPMS/noarch/*.rpm "hello-$version-$release.rpm"
rm -r rpmbuild
