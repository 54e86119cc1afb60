// SPDX-License-Identifier: LGPL-2.1-or-later
// What qdbusxml2cpp's code needs to know of types that Qt has no name for.
#pragma once

#include <QtDBus/QtDBus>

/// A row of ListJobs.
struct DkmsJob {
    qulonglong id;
    QString operation;
    QString state;
    uint progress;
    QDBusObjectPath path;
};
Q_DECLARE_METATYPE(DkmsJob)
Q_DECLARE_METATYPE(QList<DkmsJob>)
Q_DECLARE_METATYPE(QList<QVariantMap>)

QDBusArgument& operator<<(QDBusArgument& argument, const DkmsJob& job);
const QDBusArgument& operator>>(const QDBusArgument& argument, DkmsJob& job);
