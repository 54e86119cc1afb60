for postinst in /usr/lib/dkms/common.postinst /usr/libexec/dkms/common.postinst /usr/share/@MODULE@/postinst none; do
    if [ -x "$postinst" ]; then break; fi
done
if [ "$postinst" = none ]; then
    echo "@MODULE@: DKMS brings no common.postinst. Run: dkms install -m @MODULE@ -v @VERSION@" >&2
    exit 1
fi
code=0
"$postinst" @MODULE@ @VERSION@ /usr/share/@MODULE@ '' "$old" || code=$?
# What has come ready built is installed for every kernel that is here.
for kernel in @KERNELS@; do
    release=${kernel%%%%/*} arch=${kernel##*/}
    if [ -e /etc/dkms/no-autoinstall ] || [ ! -d "/lib/modules/$release" ] || [ "$arch" != "$(uname -m)" ]; then
        continue
    fi
    case $(dkms status -m @MODULE@ -v @VERSION@ -k "$release" -a "$arch") in
    *': built'*) dkms install -m @MODULE@ -v @VERSION@ -k "$release" -a "$arch" || code=$? ;;
    esac
done
exit $code