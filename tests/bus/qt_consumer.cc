// SPDX-License-Identifier: LGPL-2.1-or-later
// A software centre in small, with QtDBus and code that qdbusxml2cpp made from the interface's XML: is the service
// there, what does it say, install a module, watch it, and cancel it if asked to.
//
//   qt-consumer --limit SECONDS [--cancel] MODULE VERSION KERNEL
//
// Prints what it saw, a line each. Fails when a call that lists something takes longer than the limit.
#include "qt_proxies.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QTimer>

#include <climits>
#include <cstdio>

QDBusArgument& operator<<(QDBusArgument& argument, const DkmsJob& job)
{
    argument.beginStructure();
    argument << job.id << job.operation << job.state << job.progress << job.path;
    argument.endStructure();
    return argument;
}

const QDBusArgument& operator>>(const QDBusArgument& argument, DkmsJob& job)
{
    argument.beginStructure();
    argument >> job.id >> job.operation >> job.state >> job.progress >> job.path;
    argument.endStructure();
    return argument;
}

namespace {

constexpr int give_up_after_ms = 120'000;

[[noreturn]] void fail(const QString& what)
{
    std::fprintf(stderr, "%s\n", qPrintable(what));
    std::exit(1);
}

template <typename Reply>
void must_be_valid(const char* what, Reply& reply)
{
    reply.waitForFinished();
    if (reply.isError()) fail(QString("%1: %2: %3").arg(what, reply.error().name(), reply.error().message()));
}

class Consumer : public QObject {
    Q_OBJECT

public:
    Consumer(int limit_ms, bool cancel)
        : limit_ms_(limit_ms), cancel_(cancel), bus_(QDBusConnection::systemBus()),
          manager_("org.dkms1", "/org/dkms1", bus_)
    {
        if (!bus_.isConnected()) fail("no bus");
    }

    void look()
    {
        const QDBusReply<QStringList> names =
            bus_.call(QDBusMessage::createMethodCall("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                     "org.freedesktop.DBus", "ListActivatableNames"),
                      QDBus::Block, limit_ms_);
        if (!names.value().contains("org.dkms1")) fail("org.dkms1 is not activatable");
        std::puts("activatable");

        auto all =
            QDBusMessage::createMethodCall("org.dkms1", "/org/dkms1", "org.freedesktop.DBus.Properties", "GetAll");
        all << "org.dkms1.Manager";
        const QDBusReply<QVariantMap> properties = bus_.call(all, QDBus::Block, limit_ms_);
        if (!properties.value().contains("Version")) fail("GetAll: " + properties.error().message());

        manager_.setTimeout(limit_ms_);
        auto modules = manager_.ListModules({});
        must_be_valid("ListModules", modules);
        std::printf("modules %d\n", static_cast<int>(modules.value().size()));
        auto jobs = manager_.ListJobs(0);
        must_be_valid("ListJobs", jobs);
    }

    void install(const QStringList& words)
    {
        connect(&manager_, &OrgDkms1ManagerInterface::JobRemoved, this, &Consumer::removed);
        manager_.setTimeout(INT_MAX); // somebody may have to give a password
        auto reply = manager_.Install(words[0], words[1], {words[2]}, {});
        must_be_valid("Install", reply);
        id_ = reply.argumentAt<0>();
        path_ = reply.argumentAt<1>().path();
        job_ = new OrgDkms1JobInterface("org.dkms1", path_, bus_, this);
        bus_.connect("org.dkms1", path_, "org.freedesktop.DBus.Properties", "PropertiesChanged", this,
                     SLOT(changed(QString, QVariantMap, QStringList)));
        if (job_->id() != id_ || job_->operation() != "install" || job_->module() != words[0])
            fail("properties of the job");
        QTimer::singleShot(give_up_after_ms, this, [] { fail("JobRemoved did not come"); });
    }

public slots:
    void changed(const QString& interface, const QVariantMap&, const QStringList&)
    {
        if (interface != "org.dkms1.Job") fail("PropertiesChanged of " + interface);
        ++changes_;
        if (!cancel_ || asked_ || job_->state() != "running") return;
        asked_ = true;
        auto reply = job_->Cancel({});
        must_be_valid("Cancel", reply);
        std::puts("asked to cancel");
    }

    void removed(qulonglong id, const QDBusObjectPath& path, const QString& result, const QString& error_name,
                 const QString& message)
    {
        if (id != id_) return;
        if (path.path() != path_) fail("JobRemoved names another path");
        std::printf("removed %s %s %s\n", qPrintable(result), qPrintable(error_name), qPrintable(message));
        if (changes_ == 0) fail("no PropertiesChanged");
        if (result != (cancel_ ? "cancelled" : "done")) fail("result " + result);
        std::printf("result %s\n", qPrintable(result));
        QCoreApplication::quit();
    }

private:
    int limit_ms_;
    bool cancel_;
    QDBusConnection bus_;
    OrgDkms1ManagerInterface manager_;
    OrgDkms1JobInterface* job_ = nullptr;
    qulonglong id_ = 0;
    QString path_;
    int changes_ = 0;
    bool asked_ = false;
};

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    qDBusRegisterMetaType<QList<QVariantMap>>();
    qDBusRegisterMetaType<DkmsJob>();
    qDBusRegisterMetaType<QList<DkmsJob>>();

    QCommandLineParser parser;
    parser.addOption({"limit", "for calls that list", "seconds", "1"});
    parser.addOption({"cancel", "cancel the job once it runs"});
    parser.process(application);
    if (parser.positionalArguments().size() != 3) fail("MODULE VERSION KERNEL");

    Consumer consumer(static_cast<int>(parser.value("limit").toDouble() * 1000), parser.isSet("cancel"));
    consumer.look();
    consumer.install(parser.positionalArguments());
    return QCoreApplication::exec();
}

#include "qt_consumer.moc"
