//! Resolves a receiver's name once, and lets nothing through that must not be called.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address::not_public;

/// A receiver that is not on the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiver's address {address} is not public ({reason})")]
pub struct NotPublic {
    address: IpAddr,
    reason: &'static str,
}

/// Finds a name's addresses.
pub type Lookup = fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A resolver that checks every address it finds.
///
/// The connection is made to the addresses that this returns, and the name is not looked up again: an answer that changes
/// between the check and the connection (DNS rebinding) changes nothing. A name with one address that is not public is
/// refused as a whole.
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly(pub Lookup);

/// Asks the system.
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

/// Checks the address of a URL that has one in place of a name, since no resolver is asked for that.
///
/// All spellings (octal, hexadecimal, fewer than four numbers, one number, other digits) are one by now: the URL's parser
/// reads them as browsers do.
pub fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    check([address])
}

/// The refusal that an error of the HTTP client stems from.
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

fn check(addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), NotPublic> {
    for address in addresses {
        if let Some(reason) = not_public(address) {
            return Err(NotPublic { address, reason });
        }
    }
    Ok(())
}
