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

constexpr std::size_t cost_of_a_value = 16; // beside the bytes of texts, so that many empty ones count, too

/// How much of a message is taken, counted while it is read: who sends more is refused before it costs anything.
class Allowance {
public:
    /// `longest`: of one text; `most`: of all there is.
    Allowance(std::size_t longest, std::size_t most) : longest_(longest), left_(most) {}
    static Allowance unlimited() { return {SIZE_MAX, SIZE_MAX}; }
    static Allowance of_a_call() { return {longest_text_of_a_call, most_of_a_call}; }

    std::string text(sdbus::Message& message)
    {
        std::string text = read_text(message, longest_);
        spend(text.size());
        return text;
    }
    void value() { spend(cost_of_a_value); }

private:
    void spend(std::size_t cost)
    {
        if (cost > left_)
            throw Error(ErrorCode::limits_exceeded, {{"reason", "the arguments of one call are longer than " +
                                                                    std::to_string(most_of_a_call / 1024) + " KiB"}});
        if (left_ != SIZE_MAX) left_ -= cost;
    }

    std::size_t longest_;
    std::size_t left_;
};

json read_texts(sdbus::Message& message, Allowance& allowance, std::size_t most = SIZE_MAX)
{
    json list = json::array();
    message.enterContainer("s");
    while (!at_end(message)) {
        if (list.size() == most)
            throw Error(ErrorCode::limits_exceeded,
                        {{"reason", "a request names more than " + std::to_string(most) + " kernels"}});
        allowance.value();
        list.push_back(allowance.text(message));
    }
    message.exitContainer();
    return list;
}

json read_dictionary(sdbus::Message& message, Allowance& allowance);
json read_dictionaries(sdbus::Message& message, Allowance& allowance);

template <typename Number>
json read_as(sdbus::Message& message)
{
    Number value{};
    message >> value;
    return value;
}

json read_value(sdbus::Message& message, const std::string& type, Allowance& allowance)
{
    if (type == "s") return allowance.text(message);
    if (type == "b") return read_as<bool>(message);
    if (type == "t") return read_as<std::uint64_t>(message);
    if (type == "u") return read_as<std::uint32_t>(message);
    if (type == "x") return read_as<std::int64_t>(message);
    if (type == "i") return read_as<std::int32_t>(message);
    if (type == "d") return read_as<double>(message);
    if (type == "as") return read_texts(message, allowance);
    if (type == "a{sv}") return read_dictionary(message, allowance);
    if (type == "aa{sv}") return read_dictionaries(message, allowance);
    refuse("a value of type " + type + " is not expected");
}

json read_variant(sdbus::Message& message, Allowance& allowance)
{
    const std::string type = next_variant(message);
    message.enterVariant(type.c_str());
    json value = read_value(message, type, allowance);
    message.exitVariant();
    return value;
}

json read_dictionary(sdbus::Message& message, Allowance& allowance)
{
    json object = json::object();
    message.enterContainer("{sv}");
    while (!at_end(message)) {
        allowance.value();
        message.enterDictEntry("sv");
        const std::string key = allowance.text(message);
        object[key] = read_variant(message, allowance);
        message.exitDictEntry();
    }
    message.exitContainer();
    return object;
}

json read_dictionaries(sdbus::Message& message, Allowance& allowance)
{
    json list = json::array();
    message.enterContainer("a{sv}");
    while (!at_end(message)) {
        allowance.value();
        list.push_back(read_dictionary(message, allowance));
    }
    message.exitContainer();
    return list;
}

std::string text_of(const Error& error)
{
    const std::string hint = error.hint();
    return hint.empty() ? error.message() : error.message() + "\n" + hint;
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
    Allowance allowance = Allowance::unlimited();
    return read_dictionary(message, allowance);
}

void write_dictionaries(sdbus::Message& message, const json& list)
{
    message.openContainer("a{sv}");
    for (const json& one : list) write_dictionary(message, one);
    message.closeContainer();
}

json read_dictionaries(sdbus::Message& message)
{
    Allowance allowance = Allowance::unlimited();
    return read_dictionaries(message, allowance);
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
    Allowance allowance = Allowance::of_a_call();
    json value{{"request", name_of(verb)}};
    if (shape.module != Need::none) {
        const std::string module = allowance.text(call);
        const std::string version = allowance.text(call);
        if (!module.empty()) value["module"] = module;
        if (!version.empty()) value["version"] = version;
    }
    if (shape.kernels != KernelCount::none) value["kernels"] = read_texts(call, allowance, most_kernels_of_a_request);
    ReceivedRequest received;
    if (with_handle) received.handle = read_descriptor(call);
    if (with_handle) value["handle"] = true;
    json options = read_dictionary(call, allowance);
    received.background = take_background(options);
    value["options"] = std::move(options);
    received.request = request_from_json(value);
    if (received.request.options.names_files()) refuse("options that name files are not taken from callers on the bus");
    return received;
}

void read_no_options(sdbus::MethodCall& call)
{
    Allowance allowance = Allowance::of_a_call();
    const json options = read_dictionary(call, allowance);
    if (!options.empty()) refuse("there is no option '" + options.items().begin().key() + "'");
}

StatusFilter read_filter(sdbus::MethodCall& call)
{
    Allowance allowance = Allowance::of_a_call();
    return status_filter_from_json(read_dictionary(call, allowance));
}

void write_modules(sdbus::Message& message, const json& modules)
{
    message.openContainer("a{sv}");
    for (const json& module : modules) {
        message.openContainer("{sv}");
        for (const auto& [key, member] : module.items())
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

json facts_of(const Error& error)
{
    json parameters = json::object();
    for (const auto& [name, value] : error.parameters()) parameters[name] = as_utf8(value);
    return {{"error", error.name()}, {"parameters", std::move(parameters)}, {"hint", as_utf8(error.hint())}};
}

Error current_error()
{
    try {
        throw;
    } catch (const sdbus::Error& error) {
        return from_bus(error);
    } catch (const Error& error) {
        return error;
    } catch (const std::exception& error) {
        return Error(ErrorCode::internal, {{"reason", error.what()}});
    } catch (...) {
        return Error(ErrorCode::internal, {{"reason", "unknown exception"}});
    }
}

Error from_bus(const sdbus::Error& error) { return from_bus(error, nullptr); }

Error from_bus(const sdbus::Error& error, json facts)
{
    const std::string name(error.getName());
    const std::string text(error.getMessage());
    const auto end = text.find('\n');
    const std::string sentence = text.empty() ? name : text.substr(0, end);
    if (facts.is_object() && facts.contains("error")) {
        facts["message"] = sentence;
        return error_from_json(facts);
    }
    const ErrorCode code = error_code_of(name);
    if (end != std::string::npos) return Error(code, {{"sentence", sentence}, {"remedy", text.substr(end + 1)}});
    if (code == ErrorCode::access_denied) // the bus itself, in words for programmers
        return Error(code, {{"who", "This user"}, {"what", "do this (" + sentence + ")"}});
    return Error(code, {{"sentence", sentence}});
}

} // namespace dkms::bus
