//! Resolves a receiver's name once, and refuses addresses that are not on the internet.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::not_public;

/// The receiver's address is not on the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiver's address {address} is not public ({reason})")]
pub struct NotPublic {
    address: IpAddr,
    reason: &'static str,
}

/// Looks up the addresses of a name.
pub type Lookup = fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A resolver that checks every address it finds.
///
/// The connection is made to the addresses that it returns, and the name is not looked up again. So an answer that changes
/// between check and connection (DNS rebinding) has no effect. A name with one address that is not public is refused as a
/// whole.
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly(pub Lookup);

/// Asks the operating system.
pub fn system(name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    // The port is filled in by the connector.
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            check(found.iter().map(SocketAddr::ip))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Checks a URL that has an address instead of a name. The HTTP client asks no resolver for such a URL.
///
/// The URL parser has already read every spelling of an address as browsers do: octal, hexadecimal, fewer than four
/// numbers, one number, other digits.
pub fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    check([address])
}

/// Returns the refusal that caused an error of the HTTP client, if one did.
pub fn refusal(error: &(dyn Error + 'static)) -> Option<NotPublic> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref() {
            return Some(*refusal);
        }
        cause = error.source();
    }
    None
}

/// Checks the addresses of a name, all of them.
pub fn check(addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), NotPublic> {
    for address in addresses {
        if let Some(reason) = not_public(address) {
            return Err(NotPublic { address, reason });
        }
    }
    Ok(())
}
