//! The addresses that a receiver may have.
//!
//! IPv4: every address outside the blocks of IANA's registries. IPv6: the one block that IANA assigns for global use, less the
//! blocks that its registries reserve there. IPv4 addresses written as IPv6 (mapped, compatible, translated, NAT64) are
//! outside that block. Those inside it (6to4, Teredo) are in the table.
//!
//! Sources: IANA, "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry" (RFC 6890), "IPv4
//! Multicast Address Space Registry" (RFC 5771), "Internet Protocol Version 6 Address Space". Some blocks
//! that are not reachable contain smaller ones that are (192.0.0.9/32, 2001:1::1/128 …). The whole block is refused, because
//! those are anycast addresses of protocols other than HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, third: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), length)
}

const NOT_PUBLIC_V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private use"),
    (v4(100, 64, 0, 0, 10), "shared by carriers"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    // Cloud metadata is here, and what Lambda runs beside a function.
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private use"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private use"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const NOT_PUBLIC_V6: [(Ipv6Net, &str); 4] = [
    // With Teredo (2001::/32), benchmarking (2001:2::/48) and the ORCHIDs.
    (v6(0x2001, 0, 0, 23), "protocol assignments"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
];

/// Returns the reason why this address is not on the internet; none when it may be.
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => NOT_PUBLIC_V4
            .iter()
            .find(|(block, _)| block.contains(&address))
            .map(|(_, reason)| *reason),
        IpAddr::V6(address) if !GLOBAL_V6.contains(&address) => Some("outside 2000::/3"),
        IpAddr::V6(address) => NOT_PUBLIC_V6
            .iter()
            .find(|(block, _)| block.contains(&address))
            .map(|(_, reason)| *reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_on_the_internet() {
        let addresses = [
            (
                "The first and the last of each IPv4 block",
                "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.0.0.1 \
                 127.255.255.255 169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 \
                 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 \
                 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 \
                 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255",
            ),
            (
                "Metadata of EC2, of ECS tasks, of Alibaba; the resolver of a VPC",
                "169.254.169.254 169.254.170.2 100.100.100.200 169.254.169.253 fd00:ec2::254 fd00:ec2::253",
            ),
            (
                "Unspecified, loopback, link-local, site-local, unique local, multicast, discard, SRv6",
                ":: ::1 fe80::1 febf::1 fec0::1 fc00::1 fdff:ffff::1 ff00:: ff02::1 ff0e::1 100::1 5f00::1",
            ),
            (
                "Mapped, compatible, translated (IPv4-translated and SIIT), NAT64 well known and local: of any address",
                "::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8 \
                 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::127.0.0.1 \
                 64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            ),
            (
                "Teredo, benchmarking, ORCHID, 6to4 of 127.0.0.1 and of any, documentation",
                "2001::7f00:1 2001:0:ffff::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2002:7f00:1:: \
                 2002:808:808::1 2001:db8::1 2001:db8:ffff::1 3fff::1 3fff:fff:ffff::1",
            ),
            ("Not given out", "4000::1 1fff::1 8000::1 e000::1"),
        ];
        for address in addresses.iter().flat_map(|(_, list)| list.split(' ')) {
            assert!(not_public(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn addresses_that_may_be_on_the_internet() {
        let addresses = [(
            "Just before and just after each IPv4 block",
            "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
                 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 \
                 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
                 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 52.95.110.1 \
                 2000::1 2001:200::1 2001:db7::1 2001:db9::1 2001:4860:4860::8888 2003::1 2600:1f18::1 \
                 2a05:d014::1 3ffe::1 3fff:1000::1",
        )];
        for address in addresses.iter().flat_map(|(_, list)| list.split(' ')) {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }
}
