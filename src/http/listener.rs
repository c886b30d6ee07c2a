//! The two HTTP listeners: bound first, so that a wrong address is an error at the start, then served until told to stop.

use super::admission::Admission;
use super::certificate::CertificateError;
use super::connection::Connector;
use super::tls::{Setup, Tls};
use super::{App, ListenerAddress, State, router};
use crate::task::{StillRunning, Tasks};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where to listen. Port 0 takes a free one; None leaves the listener out.
#[derive(Clone, Debug)]
pub struct Settings {
    pub http: Option<SocketAddr>,
    pub tls: Tls,
    pub admin: Option<SocketAddr>,
    /// Connections of visitors that the system has room for.
    pub most_connections: usize,
    /// Whether `admin.token` is set; without it the admin listener must be on loopback.
    pub admin_has_token: bool,
}

/// Why the HTTP listeners can not start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error(
        "the {listener} listener can not use {address}: another program listens there. `ss -ltnp 'sport = :{}'` shows \
         which; stop it, or set `{listener}.listen` to another address (port 0 takes a free one)",
        .address.port()
    )]
    InUse { listener: &'static str, address: SocketAddr },
    #[error(
        "the {listener} listener may not use {address}: ports below 1024 need a privilege. Set `{listener}.listen` to a \
         higher port, or give the program CAP_NET_BIND_SERVICE"
    )]
    NotPermitted { listener: &'static str, address: SocketAddr },
    #[error(
        "the {listener} listener can not use {address}: no network interface of this machine has it. `ip address` lists \
         those there are; set `{listener}.listen` to one of them, or to [::] for all"
    )]
    NoSuchAddress { listener: &'static str, address: SocketAddr },
    #[error("the {listener} listener can not use {address}: {error}; set `{listener}.listen` to another address")]
    Bind { listener: &'static str, address: SocketAddr, error: io::Error },
    #[error(
        "the admin listener at {0} can be reached from other machines but has no token. Set `admin.token` (`wasmcast \
         config token` makes one), or `admin.listen` to a loopback address such as 127.0.0.1:8081"
    )]
    AdminOpen(SocketAddr),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Connections of the public listener, where the system lets so many files be open: about 300 MB of buffers if all were in use
/// at once.
const PUBLIC_CONNECTIONS: usize = 10_000;
/// Connections from one address that is neither a trusted proxy nor this machine: an office behind one NAT fits in.
const PER_ADDRESS: u32 = 1_000;
/// Connections of the admin listener: a few operators and scrapers.
const ADMIN_CONNECTIONS: usize = 256;
/// Connections that the kernel completes before they are taken.
const BACKLOG: i32 = 1_024;

/// Bound sockets. Clients can connect from now on, and are answered once [`serve`] is called.
pub struct Listeners {
    public: Option<Bound>,
    admin: Option<Bound>,
    tls: Option<Setup>,
    most_connections: usize,
}

struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listeners {
    /// Binds the sockets and loads the certificate.
    ///
    /// # Errors
    /// In words that name the listener, its address and what to do.
    pub fn bind(settings: &Settings) -> Result<Listeners, HttpError> {
        if let Some(address) = settings.admin
            && !settings.admin_has_token
            && !address.ip().to_canonical().is_loopback()
        {
            return Err(HttpError::AdminOpen(address));
        }
        let tls = match (&settings.tls, settings.http) {
            (_, None) => None,
            (Tls::SelfSigned { names }, Some(address)) => {
                Setup::new(&Tls::SelfSigned { names: with_local_names(names, address.ip()) })?
            }
            (tls, Some(_)) => Setup::new(tls)?,
        };
        let bound = |listener, address: Option<SocketAddr>| address.map(|address| bind(listener, address)).transpose();
        Ok(Listeners {
            public: bound("http", settings.http)?,
            admin: bound("admin", settings.admin)?,
            tls,
            most_connections: settings.most_connections,
        })
    }

    /// The addresses in use, port 0 replaced.
    pub fn addresses(&self) -> Vec<ListenerAddress> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let public = self.public.as_ref().map(|bound| bound.describe("http", scheme));
        let admin = self.admin.as_ref().map(|bound| bound.describe("admin", "http"));
        public.into_iter().chain(admin).collect()
    }
}

impl Bound {
    fn describe(&self, listener: &'static str, scheme: &str) -> ListenerAddress {
        let port = self.address.port();
        let url = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                format!("{scheme}://localhost:{port}/")
            }
            _ => format!("{scheme}://{}/", self.address),
        };
        ListenerAddress { listener, address: self.address, url }
    }
}

/// The names under which visitors may reach this machine, those that the configuration gives first.
fn with_local_names(given: &[String], listen: IpAddr) -> Vec<String> {
    let mut names = given.to_vec();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(name.trim().to_owned());
    }
    if listen.is_unspecified() {
        // Link-local addresses have a zone, which no certificate can name.
        let usable = |address: &IpAddr| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        names.extend(interfaces.iter().map(if_addrs::Interface::ip).filter(usable).map(|address| address.to_string()));
    } else {
        names.push(listen.to_string());
    }
    let mut seen = HashSet::new();
    // A host name with other characters can not be in a certificate, nor in a browser's address bar.
    let speakable =
        |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    names.retain(|name| speakable(name) && seen.insert(name.clone()));
    names
}

fn bind(listener: &'static str, address: SocketAddr) -> Result<Bound, HttpError> {
    let open = || -> io::Result<Bound> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the last connections of the process before to be forgotten.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` means both families, whatever the system's default.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        Ok(Bound { socket, address })
    };
    open().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => HttpError::InUse { listener, address },
        io::ErrorKind::PermissionDenied => HttpError::NotPermitted { listener, address },
        io::ErrorKind::AddrNotAvailable => HttpError::NoSuchAddress { listener, address },
        _ => HttpError::Bind { listener, address, error },
    })
}

/// The listeners at work.
pub struct Running {
    addresses: Vec<ListenerAddress>,
    tasks: Tasks,
    stopping: CancellationToken,
}

impl Running {
    /// The addresses in use.
    pub fn addresses(&self) -> &[ListenerAddress] {
        &self.addresses
    }

    /// Takes no more connections, lets requests under way finish, and waits for them at most `grace`.
    pub async fn stop(&self, grace: Duration) -> Result<(), StillRunning> {
        // Event streams would never finish by themselves.
        self.stopping.cancel();
        self.tasks.stop(grace).await
    }
}

/// Answers requests on the bound sockets. Must be called within a tokio runtime.
///
/// # Errors
/// When a socket can not be handed to the runtime.
pub fn serve(listeners: Listeners, state: State) -> Result<Running, HttpError> {
    let addresses = listeners.addresses();
    let tasks = Tasks::new("http");
    let stopping = state.stopping.clone();
    let app = App::new(state, addresses.clone());
    let Listeners { public, admin, tls, most_connections } = listeners;
    let tls_config = tls.as_ref().map(|setup| setup.config.clone());
    if let Some(setup) = tls {
        let stop = tasks.stopping();
        tasks.spawn("certificate", setup.follow(stop));
    }
    if let Some(bound) = public {
        let connector = Connector::new(router::public(app.clone()), tls_config, tasks.stopping());
        let admission = Admission::new(PUBLIC_CONNECTIONS.min(most_connections), PER_ADDRESS);
        start("http", bound, connector, admission, &app, &tasks)?;
    }
    if let Some(bound) = admin {
        let connector = Connector::new(router::admin(app.clone()), None, tasks.stopping());
        let admission = Admission::new(ADMIN_CONNECTIONS, ADMIN_CONNECTIONS as u32);
        start("admin", bound, connector, admission, &app, &tasks)?;
    }
    for address in &addresses {
        let ListenerAddress { listener, address, url } = address;
        tracing::info!(listener, %address, url, "listening");
    }
    Ok(Running { addresses, tasks, stopping })
}

fn start(
    listener: &'static str,
    bound: Bound,
    connector: Connector,
    admission: Admission,
    app: &Arc<App>,
    tasks: &Tasks,
) -> Result<(), HttpError> {
    let address = bound.address;
    let socket = tokio::net::TcpListener::from_std(bound.socket).map_err(|error| HttpError::Bind {
        listener,
        address,
        error,
    })?;
    let accept = accept(listener, socket, Arc::new(connector), admission, app.clone(), tasks.clone());
    tasks.spawn_until_stop("listener", accept);
    Ok(())
}

async fn accept(
    listener: &'static str,
    socket: tokio::net::TcpListener,
    connector: Arc<Connector>,
    admission: Admission,
    app: Arc<App>,
    tasks: Tasks,
) {
    let mut failing = false;
    loop {
        let slot = admission.slot().await;
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            // These are about one connection that is gone already.
            Err(error) if is_momentary(&error) => continue,
            Err(error) => {
                if !failing {
                    tracing::error!(listener, %error, "can not take connections; raise the limit on open files");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let shared = app.policy().trusted_proxies.iter().any(|network| network.contains(peer.ip()));
        let Some(place) = admission.place(slot, peer.ip(), shared) else {
            tracing::debug!(listener, %peer, "too many connections from one address");
            app.state.metrics.connection_refused(listener);
            continue;
        };
        // The operator gets in whatever plugins say; behind a proxy stand many clients.
        let counted = listener == "http" && !shared;
        let passed = if counted { app.state.plugins.limit_connection(peer.ip()) } else { Ok(Vec::new()) };
        let Ok(tickets) = passed else {
            app.state.metrics.connection_refused(listener);
            continue;
        };
        let connector = connector.clone();
        tasks.spawn("connection", async move {
            let _counted = (place, tickets);
            connector.serve(stream, peer).await;
        });
    }
}

/// How long to wait when no connection can be taken: until then others may have closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn is_momentary(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(http: &str) -> Settings {
        Settings {
            http: Some(http.parse().unwrap()),
            tls: Tls::Off,
            admin: None,
            admin_has_token: false,
            most_connections: 100,
        }
    }

    #[test]
    fn addresses_that_can_not_be_used_are_explained() {
        let holder = Listeners::bind(&settings("127.0.0.1:0")).unwrap();
        let taken = holder.addresses()[0].address;
        let admin =
            |address: &str| Settings { http: None, admin: Some(address.parse().unwrap()), ..settings("[::]:0") };
        let rows = [
            (settings(&taken.to_string()), format!("sport = :{}", taken.port()), "`http.listen`"),
            (admin(&taken.to_string()), "the admin listener".to_owned(), "`admin.listen`"),
            (settings("192.0.2.1:0"), "no network interface".to_owned(), "`http.listen`"),
            (admin("0.0.0.0:0"), "has no token".to_owned(), "`admin.token`"),
        ];
        for (settings, first, second) in rows {
            let error = Listeners::bind(&settings).err().unwrap().to_string();
            assert!(error.contains(&first) && error.contains(second), "{error}");
        }
        let with_token = Settings { admin_has_token: true, ..admin("0.0.0.0:0") };
        assert!(Listeners::bind(&with_token).is_ok());
    }

    #[test]
    fn a_self_signed_certificate_names_this_machine() {
        let given = ["203.0.113.9".to_owned(), "localhost".to_owned(), "b\u{e4}d name".to_owned()];
        let names = with_local_names(&given, "192.0.2.7".parse().unwrap());
        assert_eq!(names[..4], ["203.0.113.9", "localhost", "127.0.0.1", "::1"]);
        assert!(names.contains(&"192.0.2.7".to_owned()), "{names:?}");
        let all = with_local_names(&[], "::".parse().unwrap());
        assert!(!all.contains(&"::".to_owned()));
    }

    #[test]
    fn urls_can_be_opened_on_this_machine() {
        let bound = Listeners::bind(&settings("0.0.0.0:0")).unwrap();
        let ListenerAddress { listener, address, url } = bound.addresses().remove(0);
        assert_eq!((listener, url), ("http", format!("http://localhost:{}/", address.port())));
        let bound = Listeners::bind(&settings("127.0.0.1:0")).unwrap();
        let ListenerAddress { address, url, .. } = bound.addresses().remove(0);
        assert_eq!(url, format!("http://127.0.0.1:{}/", address.port()));
    }
}
