// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/dbus.h"

#include "runtime/sys/local_stream.h"

#include <bit>
#include <cerrno>

namespace bulkhead::resources {

namespace {

constexpr char byte_order = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr std::size_t fixed_size = 16;   // of a header, with the size of its fields, which follow
constexpr std::uint32_t longest = 65536; // answers of a bus to who asks for nothing else are some 100 bytes

enum class Kind : std::uint8_t { call = 1, reply = 2, error = 3 };
enum class Field : std::uint8_t {
    path = 1,
    interface = 2,
    member = 3,
    error_name = 4,
    reply_serial = 5,
    destination = 6,
    signature = 8
};

std::size_t padding(std::size_t at, std::size_t to) { return (to - (at % to)) % to; }

void add_field(DbusValues& fields, Field field, std::string_view type, std::string_view value) {
    fields.align(8).byte(static_cast<std::uint8_t>(field)).signature(type);
    if (type == "g") {
        fields.signature(value);
    } else {
        fields.string(value);
    }
}

std::string message(const DbusCall& call, std::uint32_t serial) {
    DbusValues fields;
    add_field(fields, Field::path, "o", call.path);
    add_field(fields, Field::interface, "s", call.interface);
    add_field(fields, Field::member, "s", call.member);
    add_field(fields, Field::destination, "s", call.destination);
    if (!call.signature.empty()) {
        add_field(fields, Field::signature, "g", call.signature);
    }
    DbusValues all;
    constexpr std::uint8_t no_flags = 0;
    constexpr std::uint8_t version = 1;
    all.byte(byte_order).byte(static_cast<std::uint8_t>(Kind::call)).byte(no_flags).byte(version);
    all.uint32(static_cast<std::uint32_t>(call.body.size())).uint32(serial);
    all.uint32(static_cast<std::uint32_t>(fields.bytes().size())).raw(fields.bytes()).align(8).raw(call.body);
    return all.bytes();
}

// Reads values; what is beyond the end is 0 or "", and seen by ended_well().
class Values {
public:
    explicit Values(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] bool more() const { return well_ && at_ < bytes_.size(); }
    [[nodiscard]] bool ended_well() const { return well_; }

    void align(std::size_t to) { static_cast<void>(take(padding(at_, to))); }
    std::uint8_t byte() {
        const auto one = take(1);
        return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
    }
    std::uint32_t uint32() {
        align(4);
        std::uint32_t value = 0;
        const auto four = take(sizeof value);
        four.copy(reinterpret_cast<char*>(&value), four.size());
        return value;
    }
    std::string_view string() { return ended_by_nul(uint32()); }
    std::string_view signature() { return ended_by_nul(byte()); }

private:
    std::string_view ended_by_nul(std::size_t size) {
        const auto text = take(size);
        static_cast<void>(take(1));
        return text;
    }
    std::string_view take(std::size_t size) {
        well_ = well_ && size <= bytes_.size() - at_;
        if (!well_) {
            return {};
        }
        at_ += size;
        return bytes_.substr(at_ - size, size);
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
    bool well_ = true;
};

struct Message {
    Kind kind = Kind::call;
    std::uint32_t reply_serial = 0;
    std::string error;     // its name
    std::string signature; // of the body
    std::string text;      // the body's first value, if that is a string
};

// With a number: one without would be told for what the bus's other end said.
std::unexpected<Error> failed(int number, const char* what) {
    return std::unexpected(Error{.code = Code::system, .number = number, .what = what});
}

std::unexpected<Error> malformed() { return failed(EBADMSG, "what answers does not speak D-Bus"); }

Result<void> read_field(Values& values, Message& message) {
    values.align(8);
    const auto field = static_cast<Field>(values.byte());
    const auto type = values.signature();
    if (type == "u") {
        const auto number = values.uint32();
        message.reply_serial = field == Field::reply_serial ? number : message.reply_serial;
    } else if (type == "g") {
        message.signature = values.signature();
    } else if (type == "s" || type == "o") {
        const auto text = values.string();
        message.error = field == Field::error_name ? std::string(text) : message.error;
    } else {
        return malformed();
    }
    return {};
}

Result<Message> read_message(std::string_view fixed, std::string_view fields, std::string_view body) {
    Message message;
    message.kind = static_cast<Kind>(fixed[1]);
    Values values(fields);
    while (values.more()) {
        TRY(read_field(values, message));
    }
    Values content(body);
    if (message.signature.starts_with("s")) {
        message.text = content.string();
    }
    if (!values.ended_well() || !content.ended_well()) {
        return malformed();
    }
    return message;
}

Result<Message> receive_message(const sys::LocalStream& bus) {
    TRY_ASSIGN(const auto fixed, bus.receive(fixed_size));
    Values values(fixed);
    const auto order = static_cast<char>(values.byte());
    values.align(4);
    const auto body_size = values.uint32();
    static_cast<void>(values.uint32()); // its serial
    const auto fields_size = values.uint32();
    if (order != byte_order || body_size > longest || fields_size > longest) {
        return malformed();
    }
    TRY_ASSIGN(const auto fields, bus.receive(fields_size + padding(fields_size, 8)));
    TRY_ASSIGN(const auto body, bus.receive(body_size));
    return read_message(fixed, std::string_view(fields).substr(0, fields_size), body);
}

// Signals may come between, from anybody whom the bus lets in: with any field, and without end. An error need not have
// words.
Result<void> make_call(const sys::LocalStream& bus, const DbusCall& call, std::uint32_t serial) {
    TRY(bus.send(message(call, serial)));
    for (;;) {
        TRY_ASSIGN(const auto answer, receive_message(bus));
        const bool answers = answer.kind == Kind::reply || answer.kind == Kind::error;
        if (answers && answer.reply_serial == serial) {
            return answer.kind == Kind::reply ? Result<void>{}
                                              : fail(Code::system, answer.text.empty() ? answer.error : answer.text);
        }
        TRY(bus.in_time());
    }
}

// By the uid that the kernel tells the other side, in hexadecimal ASCII: "0".
Result<void> log_in(const sys::LocalStream& bus) {
    using namespace std::string_view_literals;
    TRY(bus.send("\0AUTH EXTERNAL 30\r\n"sv));
    std::string line;
    while (!line.ends_with("\r\n")) {
        constexpr std::size_t longest_line = 512;
        TRY_ASSIGN(const auto some, bus.receive_some(longest_line));
        line.append(some);
        if (line.size() > longest_line) {
            return malformed();
        }
    }
    if (line.starts_with("REJECTED") || line.starts_with("ERROR") || line.starts_with("DATA")) {
        return failed(EACCES, "the bus does not take root for root");
    }
    return line.starts_with("OK ") ? bus.send("BEGIN\r\n") : malformed();
}

} // namespace

DbusValues& DbusValues::align(std::size_t to) {
    bytes_.append(padding(bytes_.size(), to), '\0');
    return *this;
}

DbusValues& DbusValues::byte(std::uint8_t value) {
    bytes_.push_back(static_cast<char>(value));
    return *this;
}

DbusValues& DbusValues::uint32(std::uint32_t value) {
    align(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
}

DbusValues& DbusValues::uint64(std::uint64_t value) {
    align(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
}

DbusValues& DbusValues::string(std::string_view value) {
    uint32(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value).push_back('\0');
    return *this;
}

DbusValues& DbusValues::signature(std::string_view value) {
    byte(static_cast<std::uint8_t>(value.size()));
    bytes_.append(value).push_back('\0');
    return *this;
}

DbusValues& DbusValues::raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
}

Result<void> call_by_dbus(const std::string& socket, const DbusCall& call, std::chrono::milliseconds deadline) {
    TRY_ASSIGN(const auto bus, sys::LocalStream::connect(socket, deadline));
    TRY(log_in(bus));
    const std::string name = "org.freedesktop.DBus";
    TRY(make_call(bus,
                  {.destination = name,
                   .path = "/org/freedesktop/DBus",
                   .interface = name,
                   .member = "Hello",
                   .signature = {},
                   .body = {}},
                  1));
    return make_call(bus, call, 2);
}

} // namespace bulkhead::resources
