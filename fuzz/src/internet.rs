//! Addresses that are not on the internet, written anew with the classification of the standard library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns true for an address that no receiver on the internet has.
pub fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => is_internal_v6(address),
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers, protocol assignments, benchmarking.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_internal_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, third, .., seventh, eighth] = segments;
    if address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // Site-local, documentation.
        || first & 0xffc0 == 0xfec0
        || (first == 0x2001 && second == 0xdb8)
        || first == 0x3fff && second < 0x1000
    {
        return true;
    }
    // The IPv4 address inside: mapped or compatible, translated, NAT64, 6to4, Teredo.
    let last = || v4(seventh, eighth);
    let embedded = if let Some(address) = address.to_ipv4() {
        Some(address)
    } else if segments[..4] == [0; 4] && segments[4] == 0xffff && segments[5] == 0 {
        Some(last())
    } else if first == 0x64 && second == 0xff9b {
        Some(last())
    } else if first == 0x2002 {
        Some(v4(second, third))
    } else if first == 0x2001 && second == 0 {
        Some(v4(!seventh, !eighth))
    } else {
        None
    };
    embedded.is_some_and(is_internal_v4)
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}
