/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A software centre in small, in C with GDBus and code that gdbus-codegen made from the interface's XML:
 * is the service there, what does it say, install a module, watch it, and cancel it if asked to.
 *
 *   gdbus-consumer --limit SECONDS [--cancel] MODULE VERSION KERNEL
 *
 * Prints what it saw, a line each. Fails when a call that lists something takes longer than the limit. */
#include "dkms-generated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_SECONDS 120

static double limit = 1.0;
static gboolean cancel = FALSE;

struct watch {
    GMainLoop *loop;
    DkmsJob *job;
    guint64 id;
    unsigned changes;
    gboolean cancelled;
    char *result;
};

static void fail(const char *what, GError *error)
{
    fprintf(stderr, "%s: %s\n", what, error != NULL ? error->message : "not as it should be");
    exit(1);
}

static int limit_ms(void) { return (int)(limit * 1000); }

static void check_activatable(GDBusConnection *bus)
{
    GError *error = NULL;
    GVariant *reply =
        g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                    "ListActivatableNames", NULL, G_VARIANT_TYPE("(as)"), 0, 200, NULL, &error);
    if (reply == NULL) fail("ListActivatableNames", error);
    GVariant *names = g_variant_get_child_value(reply, 0);
    const char **list = g_variant_get_strv(names, NULL);
    if (!g_strv_contains(list, "org.dkms1")) fail("org.dkms1 is not activatable", NULL);
    g_free(list);
    g_variant_unref(names);
    g_variant_unref(reply);
    printf("activatable\n");
}

static void check_lists(DkmsManager *manager)
{
    GError *error = NULL;
    GVariant *reply = g_dbus_proxy_call_sync(G_DBUS_PROXY(manager), "org.freedesktop.DBus.Properties.GetAll",
                                             g_variant_new("(s)", "org.dkms1.Manager"), 0, limit_ms(), NULL, &error);
    if (reply == NULL) fail("GetAll", error);
    g_variant_unref(reply);
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(manager), limit_ms());
    GVariant *modules = NULL;
    if (!dkms_manager_call_list_modules_sync(manager, g_variant_new("a{sv}", NULL), &modules, NULL, &error))
        fail("ListModules", error);
    printf("modules %zu\n", g_variant_n_children(modules));
    g_variant_unref(modules);
    GVariant *jobs = NULL;
    if (!dkms_manager_call_list_jobs_sync(manager, 0, &jobs, NULL, &error)) fail("ListJobs", error);
    g_variant_unref(jobs);
}

static void on_job_changed(DkmsJob *job, GVariant *changed, const char *const *invalidated, struct watch *watch)
{
    (void)changed;
    (void)invalidated;
    ++watch->changes;
    if (!cancel || watch->cancelled || strcmp(dkms_job_get_state(job), "running") != 0) return;
    watch->cancelled = TRUE;
    GError *error = NULL;
    if (!dkms_job_call_cancel_sync(job, g_variant_new("a{sv}", NULL), NULL, &error)) fail("Cancel", error);
    printf("asked to cancel\n");
}

static void on_removed(DkmsManager *manager, guint64 id, const char *path, const char *result, const char *error_name,
                       const char *message, struct watch *watch)
{
    (void)manager;
    if (id != watch->id) return;
    if (watch->job != NULL && strcmp(path, g_dbus_proxy_get_object_path(G_DBUS_PROXY(watch->job))) != 0)
        fail("JobRemoved names another path", NULL);
    printf("removed %s %s %s\n", result, error_name, message);
    watch->result = g_strdup(result);
    g_main_loop_quit(watch->loop);
}

static gboolean on_give_up(gpointer data)
{
    (void)data;
    fail("JobRemoved did not come", NULL);
    return FALSE;
}

static void run_job(GDBusConnection *bus, DkmsManager *manager, char **words)
{
    struct watch watch = {g_main_loop_new(NULL, FALSE), NULL, 0, 0, FALSE, NULL};
    g_signal_connect(manager, "job-removed", G_CALLBACK(on_removed), &watch);
    g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(manager), G_MAXINT); /* somebody may have to give a password */

    const char *kernels[] = {words[2], NULL};
    GError *error = NULL;
    char *path = NULL;
    if (!dkms_manager_call_install_sync(manager, words[0], words[1], kernels, g_variant_new("a{sv}", NULL), &watch.id,
                                        &path, NULL, &error))
        fail("Install", error);
    watch.job = dkms_job_proxy_new_sync(bus, 0, "org.dkms1", path, NULL, &error);
    if (watch.job == NULL) fail("job", error);
    if (dkms_job_get_id(watch.job) != watch.id || strcmp(dkms_job_get_operation(watch.job), "install") != 0 ||
        strcmp(dkms_job_get_module(watch.job), words[0]) != 0)
        fail("properties of the job", NULL);
    g_signal_connect(watch.job, "g-properties-changed", G_CALLBACK(on_job_changed), &watch);
    g_timeout_add_seconds(GIVE_UP_SECONDS, on_give_up, NULL);
    g_main_loop_run(watch.loop);

    if (watch.changes == 0) fail("no PropertiesChanged", NULL);
    if (strcmp(watch.result, cancel ? "cancelled" : "done") != 0) fail("result", NULL);
    printf("result %s\n", watch.result);
    g_free(watch.result);
    g_free(path);
    g_object_unref(watch.job);
    g_main_loop_unref(watch.loop);
}

int main(int argc, char **argv)
{
    const GOptionEntry entries[] = {{"limit", 0, 0, G_OPTION_ARG_DOUBLE, &limit, "for calls that list", "SECONDS"},
                                    {"cancel", 0, 0, G_OPTION_ARG_NONE, &cancel, "cancel the job once it runs", NULL},
                                    {0}};
    GError *error = NULL;
    GOptionContext *context = g_option_context_new("MODULE VERSION KERNEL");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 4) fail("words", error);
    g_option_context_free(context);

    GDBusConnection *bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, &error);
    if (bus == NULL) fail("bus", error);
    check_activatable(bus);
    DkmsManager *manager =
        dkms_manager_proxy_new_sync(bus, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START_AT_CONSTRUCTION, "org.dkms1",
                                    "/org/dkms1", NULL, &error);
    if (manager == NULL) fail("manager", error);
    check_lists(manager);
    run_job(bus, manager, argv + 1);
    g_object_unref(manager);
    g_object_unref(bus);
    return 0;
}
