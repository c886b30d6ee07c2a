//! Binds the media port for all shards: one UDP socket and one TCP listener each, all on one port number.

use super::start::StartError;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Kernel buffers of each UDP socket: a keyframe to a thousand viewers, and their reports back. The kernel may give less.
const SOCKET_BUFFER: usize = 8 << 20;
/// Send buffer of each connection, which is its queue: about a second of 2 Mbit/s. The kernel may give less.
const CONNECTION_BUFFER: usize = 256 << 10;
/// And how much of it may wait for its turn: what is beyond waits in the stream's ring, where it can be left out.
const UNSENT: u32 = 96 << 10;
/// Connections that wait to be taken.
const BACKLOG: i32 = 1_024;
/// Port numbers that are tried until one is free for UDP and for TCP.
const TRIES: usize = 32;

/// The sockets of all shards.
pub struct Ports {
    pub address: SocketAddr,
    pub sockets: Vec<(Socket, Option<TcpListener>)>,
}

/// One socket and one listener for each shard; the kernel keeps each peer's address on one of them.
pub fn bind(listen: SocketAddr, tcp: bool, shards: usize) -> Result<Ports, StartError> {
    let address = free(listen, tcp)?;
    let sockets = (0..shards)
        .map(|_| {
            let socket = udp(address, true).map_err(|error| failed("UDP", address, error))?;
            // Less than asked for is what the system's limits allow, and works.
            let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
            let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
            let listener = tcp.then(|| self::tcp(address, true)).transpose();
            Ok((socket, listener.map_err(|error| failed("TCP", address, error))?.map(TcpListener::from)))
        })
        .collect::<Result<_, StartError>>()?;
    Ok(Ports { address, sockets })
}

/// The address with a port number that nobody has. With SO_REUSEPORT a second server would bind without an error and steal
/// packets: an exclusive bind finds it.
fn free(listen: SocketAddr, by_tcp: bool) -> Result<SocketAddr, StartError> {
    let mut tries = 0;
    loop {
        let probe = udp(listen, false).map_err(|error| failed("UDP", listen, error))?;
        let taken = probe.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(listen);
        let by_tcp = if by_tcp { tcp(taken, false).map(drop) } else { Ok(()) };
        match by_tcp {
            Ok(()) => return Ok(taken),
            Err(error) => {
                tries += 1;
                if listen.port() != 0 || tries == TRIES {
                    return Err(failed("TCP", taken, error));
                }
            }
        }
    }
}

fn failed(protocol: &'static str, address: SocketAddr, error: io::Error) -> StartError {
    match (error.kind(), protocol) {
        (io::ErrorKind::AddrInUse, "UDP") => StartError::InUse(address),
        (io::ErrorKind::AddrInUse, _) => StartError::TcpInUse(address),
        _ => StartError::Listen { protocol, address, error },
    }
}

fn udp(address: SocketAddr, share: bool) -> io::Result<Socket> {
    open(address, Type::DGRAM, Protocol::UDP, share)
}

/// A listener. Connections have its options from the start.
fn tcp(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = open(address, Type::STREAM, Protocol::TCP, share)?;
    socket.set_tcp_nodelay(true)?;
    let _ = socket.set_send_buffer_size(CONNECTION_BUFFER);
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // `[::]` means both families; another IPv6 address only itself.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.set_reuse_port(share)?;
    if kind == Type::STREAM {
        // Connections that ended a moment ago keep nobody from listening again; a listener still does.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpStream, UdpSocket};

    #[test]
    fn a_port_that_another_program_has_is_refused_by_protocol() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let taken = udp.local_addr().unwrap();
        assert!(matches!(bind(taken, true, 2), Err(StartError::InUse(address)) if address == taken));
        drop(udp);
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = tcp.local_addr().unwrap();
        let refused = bind(taken, true, 2).map(|ports| ports.address).unwrap_err();
        assert!(refused.to_string().contains(&format!("TCP {taken} is in use")), "{refused}");
        assert_eq!(bind(taken, false, 2).unwrap().address, taken, "without TCP it does not matter");
    }

    #[test]
    fn connections_are_ready_to_use() {
        let ports = bind("127.0.0.1:0".parse().unwrap(), true, 1).unwrap();
        let listener = ports.sockets[0].1.as_ref().unwrap();
        assert_eq!(listener.local_addr().unwrap(), ports.address);
        let _peer = TcpStream::connect(ports.address).unwrap();
        let accepted = loop {
            if let Ok((stream, _)) = listener.accept() {
                break Socket::from(stream);
            }
        };
        assert!(accepted.tcp_nodelay().unwrap());
        assert_eq!(accepted.tcp_notsent_lowat().unwrap(), UNSENT);
        assert!((64 << 10..1 << 20).contains(&accepted.send_buffer_size().unwrap()));
        let other = bind(ports.address, true, 1).map(|ports| ports.address).unwrap_err();
        assert!(matches!(other, StartError::InUse(_)), "{other}");
    }
}
