//! Who may connect by TCP at all, as somebody above says: asked once for each connection, before anything is read of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Says whether a connection from an address is taken. Without one all are.
#[derive(Clone, Default)]
pub struct Doorman(Option<Arc<Ask>>);

type Ask = dyn Fn(IpAddr) -> Option<Box<dyn Send>> + Send + Sync;

/// What the doorman gave a connection; dropped when it is over.
#[derive(Default)]
pub struct Badge(Option<Box<dyn Send>>);

impl Doorman {
    /// `ask` returns what is to be kept as long as the connection is; none closes it.
    pub fn new(ask: impl Fn(IpAddr) -> Option<Box<dyn Send>> + Send + Sync + 'static) -> Self {
        Doorman(Some(Arc::new(ask)))
    }

    /// None: the connection is to be closed.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Badge> {
        match &self.0 {
            Some(ask) => ask(address).map(|kept| Badge(Some(kept))),
            None => Some(Badge(None)),
        }
    }
}

impl fmt::Debug for Doorman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorman")
    }
}

impl fmt::Debug for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Badge").field(&self.0.is_some()).finish()
    }
}
