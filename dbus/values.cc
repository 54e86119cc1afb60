// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/values.h"

#include <nlohmann/json.hpp>

#include <cctype>
#include <cstdint>
#include <string_view>

namespace dkms::bus {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

std::string as_utf8(const std::string& text)
{
    if (is_utf8(text)) return text;
    return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

bool holds_objects(const json& list) { return !list.empty() && list.front().is_object(); }

std::string type_of(const json& value)
{
    switch (value.type()) {
    case json::value_t::boolean:
        return "b";
    case json::value_t::number_unsigned:
        return "t";
    case json::value_t::number_integer:
        return value.get<std::int64_t>() < 0 ? "x" : "t";
    case json::value_t::number_float:
        return "d";
    case json::value_t::object:
        return "a{sv}";
    case json::value_t::array:
        return holds_objects(value) ? "aa{sv}" : "as";
    default:
        return "s";
    }
}

void write_list_of_texts(sdbus::Message& message, const json& list)
{
    message.openContainer("s");
    for (const json& one : list) message << as_utf8(one.get<std::string>());
    message.closeContainer();
}

void write_value(sdbus::Message& message, const json& value, const std::string& type)
{
    if (type == "b") message << value.get<bool>();
    if (type == "t") message << value.get<std::uint64_t>();
    if (type == "x") message << value.get<std::int64_t>();
    if (type == "d") message << value.get<double>();
    if (type == "s") message << as_utf8(value.get<std::string>());
    if (type == "as") write_list_of_texts(message, value);
    if (type == "a{sv}") write_dictionary(message, value);
    if (type == "aa{sv}") write_dictionaries(message, value);
}

void write_entry(sdbus::Message& message, const std::string& key, const json& value, const std::string& type)
{
    message.openDictEntry("sv");
    message << as_utf8(key);
    message.openVariant(type.c_str());
    write_value(message, value, type);
    message.closeVariant();
    message.closeDictEntry();
}

template <typename Number>
json read_as(sdbus::Message& message)
{
    Number value{};
    message >> value;
    return value;
}

json read_value(sdbus::Message& message, const std::string& type)
{
    if (type == "s") return read_as<std::string>(message);
    if (type == "b") return read_as<bool>(message);
    if (type == "t") return read_as<std::uint64_t>(message);
    if (type == "u") return read_as<std::uint32_t>(message);
    if (type == "x") return read_as<std::int64_t>(message);
    if (type == "i") return read_as<std::int32_t>(message);
    if (type == "d") return read_as<double>(message);
    if (type == "as") return read_as<std::vector<std::string>>(message);
    if (type == "a{sv}") return read_dictionary(message);
    if (type == "aa{sv}") return read_dictionaries(message);
    refuse("a value of type " + type + " is not expected");
}

json read_variant(sdbus::Message& message)
{
    const std::string type = next_variant(message);
    message.enterVariant(type.c_str());
    json value = read_value(message, type);
    message.exitVariant();
    return value;
}

std::string text_of(const Error& error)
{
    const std::string hint = error.hint();
    return hint.empty() ? error.message() : error.message() + "\n" + hint;
}

/// Finds what has to stand for each {name} of `sentence` so that it reads `text`. False if nothing does.
bool match(std::string_view sentence, std::string_view text, Parameters& found)
{
    const auto open = sentence.find('{');
    if (open == std::string_view::npos) return sentence == text;
    const auto close = sentence.find('}', open);
    if (close == std::string_view::npos || sentence.substr(0, open) != text.substr(0, open)) return false;
    const std::string name(sentence.substr(open + 1, close - open - 1));
    sentence.remove_prefix(close + 1);
    text.remove_prefix(open);

    const auto literal = sentence.substr(0, sentence.find('{'));
    for (auto end = literal.empty() ? text.size() : text.find(literal); end != std::string_view::npos;
         end = literal.empty() ? std::string_view::npos : text.find(literal, end + 1)) {
        Parameters attempt = found;
        const auto value = text.substr(0, end);
        const auto entry = attempt.emplace(name, value).first;
        if (entry->second == value && match(sentence, text.substr(end), attempt)) {
            found = std::move(attempt);
            return true;
        }
    }
    return false;
}

std::string template_of(ErrorCode code)
{
    for (const ErrorRow& row : error_table())
        if (row.code == code) return std::string(row.sentence) + (row.hint.empty() ? "" : "\n" + std::string(row.hint));
    return {};
}

/// It says something of the caller, not of what is asked for, and so is none of the request's own options.
constexpr const char* background_option = "background";

bool take_background(json& options)
{
    const auto found = options.find(background_option);
    if (found == options.end()) return false;
    if (!found->is_boolean()) refuse("'background' must be true or false");
    const bool background = found->get<bool>();
    options.erase(found);
    return background;
}

} // namespace

void write_dictionary(sdbus::Message& message, const json& object)
{
    message.openContainer("{sv}");
    for (const auto& [key, value] : object.items())
        if (!value.is_null()) write_entry(message, key, value, type_of(value));
    message.closeContainer();
}

json read_dictionary(sdbus::Message& message)
{
    json object = json::object();
    message.enterContainer("{sv}");
    while (!at_end(message)) {
        message.enterDictEntry("sv");
        std::string key;
        message >> key;
        object[key] = read_variant(message);
        message.exitDictEntry();
    }
    message.exitContainer();
    return object;
}

void write_dictionaries(sdbus::Message& message, const json& list)
{
    message.openContainer("a{sv}");
    for (const json& one : list) write_dictionary(message, one);
    message.closeContainer();
}

json read_dictionaries(sdbus::Message& message)
{
    json list = json::array();
    message.enterContainer("a{sv}");
    while (!at_end(message)) list.push_back(read_dictionary(message));
    message.exitContainer();
    return list;
}

std::string method_of(Verb verb, bool with_handle)
{
    std::string name;
    bool starts_word = true;
    for (const char c : name_of(verb)) {
        if (c != '-') name += starts_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        starts_word = c == '-';
    }
    return with_handle && shape_of(verb).handle == Need::optional ? name + "To" : name;
}

void write_request(sdbus::MethodCall& call, const Request& request, int handle, bool background)
{
    const VerbShape& shape = shape_of(request.verb);
    if (shape.module != Need::none) call << request.module.name << request.module.version;
    if (shape.kernels != KernelCount::none) {
        std::vector<std::string> kernels;
        for (const KernelId& kernel : request.kernels) kernels.push_back(kernel.text());
        call << kernels;
    }
    if (request.handle) call << sdbus::UnixFd(handle);
    json options = to_json(request.options);
    if (background) options[background_option] = true;
    write_dictionary(call, options);
}

ReceivedRequest read_request(sdbus::MethodCall& call, Verb verb, bool with_handle)
{
    const VerbShape& shape = shape_of(verb);
    json value{{"request", name_of(verb)}};
    if (shape.module != Need::none) {
        std::string module;
        std::string version;
        call >> module >> version;
        if (!module.empty()) value["module"] = module;
        if (!version.empty()) value["version"] = version;
    }
    if (shape.kernels != KernelCount::none) value["kernels"] = read_as<std::vector<std::string>>(call);
    ReceivedRequest received;
    if (with_handle) received.handle = read_descriptor(call);
    if (with_handle) value["handle"] = true;
    json options = read_dictionary(call);
    received.background = take_background(options);
    value["options"] = std::move(options);
    received.request = request_from_json(value);
    if (received.request.options.names_files()) refuse("options that name files are not taken from callers on the bus");
    return received;
}

void read_no_options(sdbus::MethodCall& call)
{
    const json options = read_dictionary(call);
    if (!options.empty()) refuse("there is no option '" + options.items().begin().key() + "'");
}

StatusFilter read_filter(sdbus::MethodCall& call) { return status_filter_from_json(read_dictionary(call)); }

void write_modules(sdbus::Message& message, const std::vector<ModuleStatus>& modules)
{
    message.openContainer("a{sv}");
    for (const ModuleStatus& module : modules) {
        json value = to_json(module);
        message.openContainer("{sv}");
        for (const auto& [key, member] : value.items())
            write_entry(message, key, member, key == "kernels" ? "aa{sv}" : type_of(member)); // also where it is empty
        message.closeContainer();
    }
    message.closeContainer();
}

std::vector<ModuleStatus> read_modules(sdbus::Message& message)
{
    std::vector<ModuleStatus> modules;
    for (const json& module : read_dictionaries(message)) modules.push_back(module_status_from_json(module));
    return modules;
}

sdbus::Error to_bus(const Error& error) { return sdbus::Error(ErrorName{error.bus_name()}, as_utf8(text_of(error))); }

Error from_bus(const sdbus::Error& error)
{
    const std::string name(error.getName());
    const std::string text(error.getMessage());
    const ErrorCode code = error_code_of(name);
    Parameters parameters;
    if (match(template_of(code), text, parameters)) return Error(code, parameters);
    // Not our own sentence: the bus itself, or another version of the service.
    const std::string reason = text.empty() ? name : text;
    return Error(code, {{"reason", reason}, {"who", "This user"}, {"what", "do this (" + reason + ")"}});
}

} // namespace dkms::bus
