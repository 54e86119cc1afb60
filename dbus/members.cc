// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/members.h"

#include "dbus/names.h"
#include "lib/model/error.h"

#include <array>
#include <sstream>

namespace dkms::bus {
namespace {

constexpr Member method(const char* interface, const char* name, const char* takes, const char* takes_names,
                        const char* gives, const char* gives_names, Action needs)
{
    return {interface, MemberKind::method, name, takes, takes_names, gives, gives_names, needs, Change::constant};
}

/// A method that makes a job for some kernels.
constexpr Member verb(const char* name)
{
    return method(manager_interface, name, "ssasa{sv}", "module version kernels options", "to", "id job",
                  Action::change);
}

/// A method that makes a job for a kernel and all modules that have to do with it.
constexpr Member kernel_verb(const char* name)
{
    return method(manager_interface, name, "asa{sv}", "kernels options", "to", "id job", Action::change);
}

constexpr Member signal(const char* name, const char* takes, const char* takes_names)
{
    return {manager_interface, MemberKind::signal, name, takes, takes_names, "", "", Action::look, Change::constant};
}

constexpr Member property(const char* interface, const char* name, const char* type, Change change)
{
    return {interface, MemberKind::property, name, type, "", "", "", Action::look, change};
}

constexpr std::array table{
    method(manager_interface, "ListModules", "a{sv}", "filter", "aa{sv}", "modules", Action::look),
    method(manager_interface, "GetHistory", "a{sv}", "filter", "aa{sv}", "entries", Action::look),
    method(manager_interface, "ListJobs", "t", "flags", "a(tssuo)", "jobs", Action::look),
    method(manager_interface, "GetJob", "t", "id", "a{sv}", "job", Action::look),
    method(manager_interface, "GetError", "ss", "name text", "a{sv}", "error", Action::look),
    method(manager_interface, "GetJobs", "ta{sv}", "from options", "aa{sv}", "jobs", Action::look),
    method(manager_interface, "Add", "ssa{sv}", "module version options", "to", "id job", Action::change),
    verb("Build"),
    verb("Install"),
    verb("Uninstall"),
    verb("Unbuild"),
    verb("Remove"),
    verb("Rebuild"),
    method(manager_interface, "Load", "ha{sv}", "source options", "to", "id job", Action::change),
    verb("Pack"),
    method(manager_interface, "PackTo", "ssasha{sv}", "module version kernels archive options", "to", "id job",
           Action::change),
    verb("Match"),
    kernel_verb("Autoinstall"),
    kernel_verb("KernelPreinst"),
    kernel_verb("KernelPrerm"),
    method(manager_interface, "GenerateKey", "a{sv}", "options", "to", "id job", Action::change),
    method(manager_interface, "Check", "a{sv}", "options", "to", "id job", Action::change),
    verb("Switch"),
    verb("Rollback"),
    signal("JobNew", "to", "id job"),
    signal("JobRemoved", "tosss", "id job result error_name message"),
    signal("ModulesChanged", "", ""),
    property(manager_interface, "Version", "s", Change::constant),
    property(manager_interface, "Identity", "s", Change::silent),
    property(manager_interface, "RunningKernel", "s", Change::constant),
    property(manager_interface, "KernelsMissingModules", "aa{sv}", Change::emitted),
    property(manager_interface, "KernelsArriving", "as", Change::silent),
    property(manager_interface, "NQueued", "u", Change::emitted),
    property(manager_interface, "NRunning", "u", Change::emitted),

    method(job_interface, "Cancel", "a{sv}", "options", "", "", Action::cancel),
    method(job_interface, "Events", "", "", "h", "events", Action::look),
    method(job_interface, "OpenLog", "", "", "h", "log", Action::look),
    property(job_interface, "Id", "t", Change::constant),
    property(job_interface, "Parent", "t", Change::constant),
    property(job_interface, "Operation", "s", Change::constant),
    property(job_interface, "Module", "s", Change::constant),
    property(job_interface, "ModuleVersion", "s", Change::constant),
    property(job_interface, "Kernels", "as", Change::constant),
    property(job_interface, "StartedByUID", "u", Change::constant),
    property(job_interface, "EnqueuedAt", "t", Change::constant),
    property(job_interface, "State", "s", Change::emitted),
    property(job_interface, "Stage", "s", Change::emitted),
    property(job_interface, "Progress", "u", Change::emitted),
    property(job_interface, "Cancelable", "b", Change::emitted),
    property(job_interface, "Result", "s", Change::emitted),
    property(job_interface, "ErrorName", "s", Change::emitted),
    property(job_interface, "ErrorMessage", "s", Change::emitted),
    property(job_interface, "Error", "a{sv}", Change::emitted),
};

/// "ssas" as {"s", "s", "as"}.
std::vector<std::string> complete_types(std::string_view signature)
{
    std::vector<std::string> types;
    int depth = 0;
    bool open = false; // an 'a' waits for what it is an array of
    for (const char c : signature) {
        if (depth == 0 && !open) types.emplace_back();
        types.back() += c;
        if (c == '(' || c == '{') ++depth;
        if (c == ')' || c == '}') --depth;
        open = c == 'a' && depth == 0;
    }
    return types;
}

void write_arguments(std::ostream& out, const char* signature, const char* names, const char* direction)
{
    const auto types = complete_types(signature);
    const auto arguments = words(names);
    for (std::size_t i = 0; i < types.size(); ++i) {
        out << "      <arg name=\"" << arguments.at(i) << "\" type=\"" << types[i] << '"';
        if (*direction != '\0') out << " direction=\"" << direction << '"';
        out << "/>\n";
    }
}

void write_member(std::ostream& out, const Member& member)
{
    switch (member.kind) {
    case MemberKind::method:
        out << "    <method name=\"" << member.name << "\">\n";
        write_arguments(out, member.takes, member.takes_names, "in");
        write_arguments(out, member.gives, member.gives_names, "out");
        out << "    </method>\n";
        return;
    case MemberKind::signal:
        out << "    <signal name=\"" << member.name << "\">\n";
        write_arguments(out, member.takes, member.takes_names, "");
        out << "    </signal>\n";
        return;
    case MemberKind::property:
        out << "    <property name=\"" << member.name << "\" type=\"" << member.takes << "\" access=\"read\">\n";
        if (member.change != Change::emitted)
            out << "      <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=\""
                << (member.change == Change::constant ? "const" : "false") << "\"/>\n";
        out << "    </property>\n";
        return;
    }
}

} // namespace

std::span<const Member> members() { return table; }

const Member& method_row(std::string_view interface, std::string_view name)
{
    for (const Member& member : table)
        if (member.kind == MemberKind::method && interface == member.interface && name == member.name) return member;
    throw Error(ErrorCode::internal, {{"reason", "no such method: " + std::string(name)}});
}

std::vector<std::string> words(std::string_view text)
{
    std::istringstream in{std::string(text)};
    std::vector<std::string> found;
    for (std::string word; in >> word;) found.push_back(std::move(word));
    return found;
}

std::string introspection()
{
    std::ostringstream out;
    out << "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
           " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
    for (const char* interface : {manager_interface, job_interface}) {
        out << "  <interface name=\"" << interface << "\">\n";
        for (const Member& member : table)
            if (std::string_view(member.interface) == interface) write_member(out, member);
        out << "  </interface>\n";
    }
    out << "</node>\n";
    return out.str();
}

} // namespace dkms::bus
