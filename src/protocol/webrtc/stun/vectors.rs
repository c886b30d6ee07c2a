//! Tests of STUN by the vectors of RFC 5769 and by round trips.

use super::*;
use std::net::SocketAddr;

const PWD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const ID: TransactionId = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

/// RFC 5769, 2.1.
const REQUEST: &str =
    "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004
    6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249
    c1b571a2 80280004 e57a3bcf";
/// RFC 5769, 2.2.
const RESPONSE_V4: &str =
    "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147
    e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96";
/// RFC 5769, 2.3.
const RESPONSE_V6: &str =
    "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147
    0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

#[test]
fn the_sample_request_is_read() {
    let bytes = hex(REQUEST);
    let request = parse(&bytes).unwrap();
    assert_eq!(request.transaction_id(), ID);
    assert_eq!(request.username(), Some("evtj:h6vY"));
    assert_eq!((request.local_ufrag(), request.remote_ufrag()), (Some("evtj"), Some("h6vY")));
    assert_eq!(request.priority, Some(0x6e00_01ff));
    assert_eq!(request.role, Some(IceRole::Controlled(0x932f_f9b1_5126_3b36)));
    assert!(!request.use_candidate);
    assert_eq!(request.unknown, None);
    assert!(request.verify(PWD));
    assert!(!request.verify(b"VOkJxbRl1RmTxUk/WvJxBT"));
    assert!(!request.verify(b""));
}

#[test]
fn the_sample_responses_are_read() {
    for (sample, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let bytes = hex(sample);
        let response = parse_response(&bytes).unwrap();
        assert!(response.is_success());
        assert_eq!(response.transaction_id(), ID);
        assert_eq!(response.mapped, Some(address.parse().unwrap()));
        assert!(response.verify(PWD));
        assert!(!response.verify(b"other"));
    }
}

fn request(use_candidate: bool) -> Vec<u8> {
    let mut buf = vec![9; 300];
    let request = Request {
        transaction_id: ID,
        remote_ufrag: "server01",
        local_ufrag: "cl",
        role: IceRole::Controlling(77),
        priority: 5,
        use_candidate,
    };
    write_request(&mut buf, &request, PWD);
    buf
}

#[test]
fn requests_round_trip() {
    for use_candidate in [false, true] {
        let bytes = request(use_candidate);
        assert!(is_message(&bytes));
        let read = parse(&bytes).unwrap();
        assert_eq!((read.local_ufrag(), read.remote_ufrag()), (Some("server01"), Some("cl")));
        assert_eq!((read.priority, read.use_candidate), (Some(5), use_candidate));
        assert_eq!(read.role, Some(IceRole::Controlling(77)));
        assert!(read.verify(PWD));
    }
}

#[test]
fn responses_round_trip() {
    let bytes = request(true);
    let asked = parse(&bytes).unwrap();
    let rows = [
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("[::ffff:192.0.2.1]:65535", "192.0.2.1:65535"),
        ("[2001:db8::1]:8189", "[2001:db8::1]:8189"),
        ("[::1]:1", "[::1]:1"),
    ];
    let mut buf = Vec::new();
    for (from, expected) in rows {
        write_success(&mut buf, &asked, from.parse().unwrap(), PWD);
        let answer = parse_response(&buf).unwrap();
        assert_eq!(answer.mapped, Some(expected.parse::<SocketAddr>().unwrap()));
        assert_eq!((answer.is_success(), answer.error, answer.transaction_id()), (true, None, ID));
        assert!(answer.verify(PWD));
    }
    for (rejection, code) in
        [(Rejection::BadRequest, 400), (Rejection::UnknownAttribute(0x7001), 420), (Rejection::RoleConflict, 487)]
    {
        write_error(&mut buf, &asked, rejection, PWD);
        let answer = parse_response(&buf).unwrap();
        assert_eq!((answer.is_success(), answer.error, answer.mapped), (false, Some(code), None));
        assert!(answer.verify(PWD));
    }
    assert!(matches!(parse(&buf), Err(Error::UnexpectedType(0x0111))));
    assert!(matches!(parse_response(&bytes), Err(Error::UnexpectedType(0x0001))));
}

#[test]
fn every_change_of_a_byte_is_noticed() {
    let good = request(true);
    // Another type makes the FINGERPRINT an unknown attribute behind the integrity, which counts for nothing.
    let fingerprint_type = good.len() - 8..good.len() - 6;
    for at in (0..good.len()).filter(|at| !fingerprint_type.contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let accepted = parse(&bad).is_ok_and(|request| request.verify(PWD));
        assert!(!accepted, "byte {at}");
    }
    for len in 0..good.len() {
        assert!(parse(&good[..len]).is_err(), "cut to {len}");
    }
}

/// A message of raw attributes, without integrity or fingerprint.
fn raw(attributes: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend_from_slice(&ID);
    bytes.extend_from_slice(attributes);
    bytes
}

#[test]
fn malformed_attributes_are_refused() {
    let rows: [(&str, &[u8], Error); 8] = [
        ("cut", &[0, 6, 0, 5, 1, 2, 3, 4], Error::Truncated),
        ("user name not UTF-8", &[0, 6, 0, 1, 0xff, 0, 0, 0], Error::Attribute(0x0006)),
        ("short priority", &[0, 0x24, 0, 2, 1, 2, 0, 0], Error::Attribute(0x0024)),
        ("use-candidate with a value", &[0, 0x25, 0, 1, 1, 0, 0, 0], Error::Attribute(0x0025)),
        ("short tie-breaker", &[0x80, 0x2a, 0, 4, 1, 2, 3, 4], Error::Attribute(0x802a)),
        ("short integrity", &[0, 8, 0, 4, 1, 2, 3, 4], Error::Attribute(0x0008)),
        ("fingerprint not last", &[0x80, 0x28, 0, 4, 1, 2, 3, 4, 0, 0x25, 0, 0], Error::Attribute(0x8028)),
        ("wrong fingerprint", &[0x80, 0x28, 0, 4, 1, 2, 3, 4], Error::Fingerprint),
    ];
    for (name, attributes, expected) in rows {
        assert_eq!(parse(&raw(attributes)).err(), Some(expected), "{name}");
    }
    let bare = raw(&[]);
    let request = parse(&bare).unwrap();
    assert!(!request.verify(PWD), "no integrity, no trust");
    assert_eq!((request.local_ufrag(), request.role), (None, None));
    assert_eq!(parse(&raw(&[0x12, 0x34, 0, 0, 0x80, 0x99, 0, 0])).unwrap().unknown, Some(0x1234));
}

/// What stands behind MESSAGE-INTEGRITY is not authenticated and must not count (RFC 8489, 14.5).
#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let mut bytes = request(false);
    bytes.truncate(bytes.len() - 8);
    bytes.extend_from_slice(&[0, 0x25, 0, 0]);
    let len = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let request = parse(&bytes).unwrap();
    assert!(request.verify(PWD));
    assert!(!request.use_candidate);
}

#[test]
fn other_datagrams_are_no_stun() {
    let good = request(true);
    let mut longer = good.clone();
    longer.push(0);
    let mut cookie = good.clone();
    cookie[4] ^= 1;
    for bytes in [&[][..], &[0x80; 40], &[22; 60], &longer, &cookie] {
        assert!(!is_message(bytes));
        assert_eq!(parse(bytes).err(), Some(Error::NotStun));
    }
}
