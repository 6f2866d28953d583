//! What headers say, what is none, and what may yet become one.

use proptest::prelude::*;

use super::*;

fn address(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn from_to(source: &str, destination: &str) -> Header {
    Header::Proxied {
        source: address(source),
        destination: address(destination),
    }
}

fn complete(header: &[u8], says: Header) -> Parsed {
    Parsed::Complete {
        len: header.len(),
        header: says,
    }
}

/// Version 2 with a command, a family, addresses and fields.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend((block.len() as u16).to_be_bytes());
    header.extend(block);
    header
}

/// 192.0.2.1:4711 to 192.0.2.2:443, and fields.
fn tcp4(fields: &[u8]) -> Vec<u8> {
    let addresses = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x01, 0xbb];
    binary(0x21, 0x11, &[&addresses, fields].concat())
}

fn tcp4_says() -> Header {
    from_to("192.0.2.1:4711", "192.0.2.2:443")
}

#[test]
fn a_line_names_client_and_destination() {
    for (line, says) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n", tcp4_says()),
        (
            "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
            from_to("255.255.255.255:65535", "0.0.0.0:0"),
        ),
        (
            "PROXY TCP6 2001:DB8::1 ::1 4711 443\r\n",
            from_to("[2001:db8::1]:4711", "[::1]:443"),
        ),
        (
            "PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 443\r\n",
            from_to("192.0.2.1:4711", "[::1]:443"),
        ),
        ("PROXY UNKNOWN\r\n", Header::Unknown),
        ("PROXY UNKNOWN whatever else, even \0\r\n", Header::Unknown),
    ] {
        assert_eq!(
            parse(line.as_bytes()),
            complete(line.as_bytes(), says),
            "{line:?}"
        );
    }
}

#[test]
fn the_bytes_of_the_client_are_left_alone() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n";
    for header in [line.to_vec(), tcp4(&[])] {
        let request = [&header, &b"GET / HTTP/1.1\r\n\r\n"[..]].concat();
        assert_eq!(parse(&request), complete(&header, tcp4_says()));
    }
}

#[test]
fn what_is_wrong_with_a_line_is_said_as_soon_as_it_is_known() {
    for (line, reason) in [
        ("G", Reason::Signature),
        ("PO", Reason::Signature),
        ("p", Reason::Signature),
        ("PROXY  ", Reason::Protocol),
        ("PROXY TCP5", Reason::Protocol),
        ("PROXY UNKNOWNS", Reason::Protocol),
        ("PROXY TCP4  ", Reason::Address),
        ("PROXY TCP4 192.0.2 ", Reason::Address),
        ("PROXY TCP4 192.0.2.01 ", Reason::Address),
        ("PROXY TCP4 ::1 ", Reason::Address),
        ("PROXY TCP6 192.0.2.1 ", Reason::Address),
        ("PROXY TCP6 fe80::1%", Reason::Address),
        ("PROXY TCP4 192.0.2.1\r", Reason::Address),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 ", Reason::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 080 ", Reason::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +", Reason::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 4711\r", Reason::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443 ", Reason::LineEnd),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\n", Reason::LineEnd),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\r", Reason::LineEnd),
        ("PROXY UNKNOWN a\n", Reason::LineEnd),
        ("PROXY UNKNOWN a\rb", Reason::LineEnd),
    ] {
        assert_eq!(parse(line.as_bytes()), Parsed::Invalid(reason), "{line:?}");
        let before = &line.as_bytes()[..line.len() - 1];
        assert!(
            matches!(parse(before), Parsed::Incomplete { .. }) || line.contains("POST"),
            "{line:?}"
        );
    }
}

#[test]
fn a_line_has_at_most_107_bytes() {
    let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "a".repeat(length - 16)).into_bytes();
    assert_eq!(parse(&line(107)), complete(&line(107), Header::Unknown));
    assert_eq!(parse(&line(108)), Parsed::Invalid(Reason::LineTooLong));
    assert_eq!(parse(&line(108)[..105]), Parsed::Incomplete { at_least: 107 });
    assert_eq!(parse(&line(108)[..106]), Parsed::Invalid(Reason::LineTooLong));
}

#[test]
fn both_versions_are_complete_only_as_a_whole() {
    let headers = [
        b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        tcp4(&[0x04, 0, 1, 0]),
    ];
    for header in headers {
        for length in 0..header.len() {
            let Parsed::Incomplete { at_least } = parse(&header[..length]) else {
                panic!("{length} bytes of {header:?}");
            };
            assert!(
                length < at_least && at_least <= header.len(),
                "{at_least} at {length}"
            );
        }
    }
}

#[test]
fn a_binary_header_names_client_and_destination() {
    assert_eq!(parse(&tcp4(&[])), complete(&tcp4(&[]), tcp4_says()));
    let mut addresses = [0; 36];
    (addresses[15], addresses[31], addresses[33], addresses[35]) = (1, 2, 80, 81);
    // UDP as well: the client of a proxy may speak HTTP/3.
    for family in [0x21, 0x22] {
        let header = binary(0x21, family, &addresses);
        assert_eq!(parse(&header), complete(&header, from_to("[::1]:80", "[::2]:81")));
    }
}

#[test]
fn a_client_of_another_family_is_unknown() {
    for (family, block) in [
        (0x00, 0),
        (0x00, 7),
        (0x01, 0),
        (0x10, 12),
        (0x31, 216),
        (0x32, 219),
    ] {
        let header = binary(0x21, family, &vec![0; block]);
        assert_eq!(parse(&header), complete(&header, Header::Unknown), "{family:#x}");
    }
}

#[test]
fn a_local_header_is_local_whatever_else_it_says() {
    for (family, block) in [(0x00, 0), (0x11, 12), (0x11, 1), (0xff, 100)] {
        let header = binary(0x20, family, &vec![0xff; block]);
        assert_eq!(parse(&header), complete(&header, Header::Local), "{family:#x}");
    }
}

#[test]
fn what_is_wrong_with_a_binary_header_is_said_as_soon_as_it_is_known() {
    for (header, length, reason) in [
        (b"\r\n\r\n\0\r\nQUIX\n".to_vec(), 11, Reason::Signature),
        (binary(0x11, 0x11, &[0; 12]), 13, Reason::Version),
        (binary(0x22, 0x11, &[0; 12]), 13, Reason::Command),
        (binary(0x21, 0x41, &[0; 12]), 14, Reason::Family),
        (binary(0x21, 0x13, &[0; 12]), 14, Reason::Family),
        (binary(0x21, 0x11, &[0; 11]), 16, Reason::TooShort),
        (binary(0x21, 0x21, &[0; 35]), 16, Reason::TooShort),
        (binary(0x21, 0x31, &[0; 215]), 16, Reason::TooShort),
        (binary(0x21, 0x11, &[0; 14]), 16, Reason::Field),
        (binary(0x21, 0x11, &[0; 0x1100]), 15, Reason::TooLong),
        (binary(0x20, 0x00, &[0; 4097]), 16, Reason::TooLong),
    ] {
        assert_eq!(parse(&header), Parsed::Invalid(reason));
        assert_eq!(parse(&header[..length]), Parsed::Invalid(reason));
        assert!(
            matches!(parse(&header[..length - 1]), Parsed::Incomplete { .. }),
            "{reason:?}"
        );
    }
}

#[test]
fn the_longest_header_may_be_announced() {
    let header = binary(0x20, 0x00, &[0; 4096]);
    assert_eq!(header.len(), LONGEST_HEADER);
    assert_eq!(parse(&header), complete(&header, Header::Local));
}

#[test]
fn fields_are_skipped() {
    for fields in [
        &b"\x04\0\0"[..],
        b"\x02\0\x0bexample.com\x04\0\x01\0",
        b"\xee\0\x02\0\0",
    ] {
        let header = tcp4(fields);
        assert_eq!(parse(&header), complete(&header, tcp4_says()), "{fields:?}");
    }
}

#[test]
fn a_field_that_ends_behind_the_header_is_refused() {
    for fields in [
        &b"\x04\0\x01"[..],
        b"\x04\xff\xff\0",
        b"\x04\0\0\x04",
        b"\x04\0\0\x04\0",
    ] {
        assert_eq!(parse(&tcp4(fields)), Parsed::Invalid(Reason::Field), "{fields:?}");
    }
}

#[test]
fn a_checksum_is_verified_wherever_it_stands() {
    for (before, behind) in [(&b""[..], &b""[..]), (b"\x02\0\x01a", b"\x04\0\x02\0\0")] {
        let with = |checksum: u32| tcp4(&[before, b"\x03\0\x04", &checksum.to_be_bytes(), behind].concat());
        let right = crc32c::checksum(&[&with(0)]);
        assert_eq!(parse(&with(right)), complete(&with(right), tcp4_says()));
        assert_eq!(parse(&with(right ^ 1)), Parsed::Invalid(Reason::Checksum));
    }
    assert_eq!(parse(&tcp4(b"\x03\0\x02\0\0")), Parsed::Invalid(Reason::Checksum));
}

#[test]
fn a_mapped_address_is_written_so_that_any_reader_takes_it() {
    let mut line = Vec::new();
    write_v1(address("192.0.2.1:4711"), address("[2001:db8::1]:443"), &mut line);
    assert_eq!(line, b"PROXY TCP6 ::ffff:c000:201 2001:db8::1 4711 443\r\n");
    let mut line = Vec::new();
    write_v1(
        address("[::ffff:192.0.2.1]:4711"),
        address("[::ffff:192.0.2.2]:443"),
        &mut line,
    );
    assert_eq!(line, b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n");
}

#[test]
fn reasons_say_what_would_be_right() {
    assert_eq!(
        Reason::LineTooLong.to_string(),
        "a line of version 1 has at most 107 bytes, CR LF included"
    );
    assert_eq!(
        Reason::TooLong.to_string(),
        "version 2 may announce at most 4096 bytes"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(source: SocketAddr, destination: SocketAddr) {
        let says = proxied(source, destination);
        for write in [write_v1, write_v2] {
            let mut header = Vec::new();
            write(source, destination, &mut header);
            prop_assert_eq!(parse(&header), complete(&header, says));
        }
    }
}
