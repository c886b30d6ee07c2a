//! The socket of one session. By UDP it receives many datagrams in one system call, each with the kernel's time of arrival.
#![allow(unsafe_code)]

use super::framed::FramedStream;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

/// Datagrams of one system call.
pub const BATCH: usize = 64;
/// Larger than any datagram of WebRTC, which fits into an MTU.
const WHOLE: usize = 2048;
/// Enough for an RTP header with extensions, where only headers are counted.
const HEADERS: usize = 256;
/// Room for one control message with a timespec.
const CONTROL: usize = 64;

/// What carries the packets of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Carrier {
    #[default]
    Udp,
    /// For networks that let no UDP through (ICE-TCP).
    Tcp,
}

/// A non-blocking socket of one session.
#[derive(Debug)]
pub enum MediaSocket {
    Udp {
        socket: UdpSocket,
        /// Our address as the peer would see it without NAT.
        candidate: SocketAddr,
    },
    Tcp {
        stream: FramedStream,
        /// Where the server's signalling is: of its addresses this is the one that we know to reach.
        signalling: SocketAddr,
    },
}

/// Buffers for one system call; one set serves any number of sockets.
pub struct Batch {
    buffers: Box<[[u8; WHOLE]; BATCH]>,
    controls: Box<[Control; BATCH]>,
    addresses: Box<[libc::sockaddr_storage; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
    capacity: usize,
    /// Where and when all of it came from, by TCP.
    framed: Option<(SocketAddr, Option<u64>)>,
}

/// A control buffer, aligned as the kernel's `cmsghdr` must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// One received datagram.
pub struct Datagram<'a> {
    /// What was copied: all of it, or its beginning.
    pub data: &'a mut [u8],
    /// Its length on the wire.
    pub len: usize,
    pub from: SocketAddr,
    /// When the kernel received it, in nanoseconds since 1970; `None` where only beginnings were copied.
    pub arrival_ns: Option<u64>,
}

/// Lets this process open as many sockets as the administrator allows it, and not only the 1024 that are usual at first.
pub fn raise_socket_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a structure of the right type, which outlives them. A failure leaves the limit as
    // it was, and opening a socket beyond it is an error that is told.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

impl MediaSocket {
    /// By UDP: binds a free port that can reach `server`, with a receive buffer of about `receive_buffer` bytes. By TCP it is
    /// connected later.
    pub fn open(server: SocketAddr, carrier: Carrier, receive_buffer: usize) -> io::Result<Self> {
        if carrier == Carrier::Tcp {
            return Ok(MediaSocket::Tcp { stream: FramedStream::open(server)?, signalling: server });
        }
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // Connecting a UDP socket sends nothing; it only asks for the route.
        let probe = UdpSocket::bind((any, 0))?;
        probe.connect(server)?;
        let source = probe.local_addr()?.ip();
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        if server.is_ipv6() {
            // The media may come by IPv4 even where the signalling went by IPv6.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(receive_buffer)?;
        socket.bind(&SocketAddr::new(any, 0).into())?;
        let socket = UdpSocket::from(socket);
        let candidate = SocketAddr::new(source, socket.local_addr()?.port());
        let on: libc::c_int = 1;
        // SAFETY: the descriptor is open, and the pointer and length describe `on`, which outlives the call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                ptr::from_ref(&on).cast(),
                mem::size_of_val(&on) as libc::socklen_t,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(MediaSocket::Udp { socket, candidate })
    }

    /// Our host candidate; by TCP none, since it is always us who connect.
    pub fn candidate(&self) -> Option<SocketAddr> {
        match self {
            MediaSocket::Udp { candidate, .. } => Some(*candidate),
            MediaSocket::Tcp { .. } => None,
        }
    }

    /// Whether datagrams can go to this address.
    pub fn reaches(&self, address: SocketAddr) -> bool {
        match self {
            MediaSocket::Udp { candidate, .. } => address.is_ipv4() || candidate.is_ipv6(),
            MediaSocket::Tcp { signalling, .. } => address.is_ipv4() == signalling.is_ipv4(),
        }
    }

    /// Sends a datagram. What the network does not take is lost, as it would be on the way.
    pub fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        match self {
            MediaSocket::Udp { socket, candidate } => {
                let to = match to.ip() {
                    IpAddr::V4(ip) if candidate.is_ipv6() => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
                    _ => to,
                };
                drop(socket.send_to(datagram, to));
            }
            MediaSocket::Tcp { stream, .. } => stream.send(datagram),
        }
    }

    /// Whether something waits until the network takes it.
    pub fn has_unsent(&self) -> bool {
        matches!(self, MediaSocket::Tcp { stream, .. } if stream.has_unsent())
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            MediaSocket::Udp { .. } => Ok(()),
            MediaSocket::Tcp { stream, .. } => stream.flush(),
        }
    }

    /// Receives what is there, up to [`BATCH`] datagrams, and returns their number; 0: nothing. With `whole` unset only the
    /// beginnings are copied, without times of arrival: a load generator shares the machine with what it measures.
    pub fn receive(&mut self, batch: &mut Batch, whole: bool) -> usize {
        let socket = match self {
            MediaSocket::Udp { socket, .. } => socket,
            MediaSocket::Tcp { stream, .. } => return stream.receive(batch, whole),
        };
        batch.prepare(whole);
        // SAFETY: the headers were set up by `prepare` to point into the batch's own buffers, which live as long as it and
        // are borrowed exclusively; the count is their number.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                batch.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).unwrap_or(0)
    }
}

impl AsRawFd for MediaSocket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            MediaSocket::Udp { socket, .. } => socket.as_raw_fd(),
            MediaSocket::Tcp { stream, .. } => stream.as_raw_fd(),
        }
    }
}

// SAFETY: the raw pointers in `vectors` and `headers` point into boxes that the batch itself owns, and are used only while it is
// borrowed exclusively.
unsafe impl Send for Batch {}

impl Default for Batch {
    fn default() -> Self {
        // SAFETY: all-zero bytes are valid values of these C structures: null pointers and zero lengths.
        let (address, vector, header): (libc::sockaddr_storage, libc::iovec, libc::mmsghdr) =
            unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Batch {
            buffers: Box::new([[0; WHOLE]; BATCH]),
            controls: Box::new([Control([0; CONTROL]); BATCH]),
            addresses: Box::new([address; BATCH]),
            vectors: Box::new([vector; BATCH]),
            headers: Box::new([header; BATCH]),
            capacity: WHOLE,
            framed: None,
        }
    }
}

impl Batch {
    /// To be filled with packets that came on a connection.
    pub fn begin_framed(&mut self, whole: bool, from: SocketAddr, arrival_ns: Option<u64>) {
        self.capacity = if whole { WHOLE } else { HEADERS };
        self.framed = Some((from, arrival_ns));
    }

    /// Packet `index` of a connection.
    pub fn put_framed(&mut self, index: usize, packet: &[u8]) {
        let copied = packet.len().min(self.capacity);
        self.buffers[index][..copied].copy_from_slice(&packet[..copied]);
        self.headers[index].msg_len = packet.len() as libc::c_uint;
    }

    fn prepare(&mut self, whole: bool) {
        self.framed = None;
        self.capacity = if whole { WHOLE } else { HEADERS };
        for index in 0..BATCH {
            let vector = &mut self.vectors[index];
            vector.iov_base = self.buffers[index].as_mut_ptr().cast();
            vector.iov_len = self.capacity;
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.addresses[index]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = if whole { ptr::from_mut(&mut self.controls[index]).cast() } else { ptr::null_mut() };
            header.msg_controllen = if whole { CONTROL as _ } else { 0 };
        }
    }

    /// Datagram `index` of the last receive, less than the number that it returned.
    pub fn datagram(&mut self, index: usize) -> Option<Datagram<'_>> {
        let len = self.headers[index].msg_len as usize;
        let (from, arrival_ns) = match self.framed {
            Some(framed) => framed,
            None => (self.from(index)?, self.arrival(index)),
        };
        let data = &mut self.buffers[index][..len.min(self.capacity)];
        Some(Datagram { data, len, from, arrival_ns })
    }

    fn from(&self, index: usize) -> Option<SocketAddr> {
        let storage = &self.addresses[index];
        // An IPv4 address that came through a socket of both families is told as IPv4.
        match libc::c_int::from(storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says that the storage, large and aligned enough for any address, holds a `sockaddr_in`.
                let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                Some(SocketAddr::new(ip.into(), u16::from_be(address.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: likewise a `sockaddr_in6`.
                let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr).to_canonical();
                Some(SocketAddr::new(ip, u16::from_be(address.sin6_port)))
            }
            _ => None,
        }
    }

    fn arrival(&self, index: usize) -> Option<u64> {
        let header = &self.headers[index].msg_hdr;
        // SAFETY: the kernel wrote the control messages into the aligned buffer that the header points to, and their length
        // into the header; the macros stay within it. The data of SCM_TIMESTAMPNS is a timespec, read unaligned.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(header);
            while !message.is_null() {
                if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_TIMESTAMPNS {
                    let time = ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::timespec>());
                    return Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
                }
                message = libc::CMSG_NXTHDR(header, message);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_with_sender_length_and_time() {
        for server in ["127.0.0.1:9", "[::1]:9"] {
            let open = |server: &str| MediaSocket::open(server.parse().unwrap(), Carrier::Udp, 1 << 16);
            let Ok(mut one) = open(server) else { continue };
            let mut two = open("127.0.0.1:9").unwrap();
            let port = one.candidate().unwrap().port();
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            two.send(target, &[1, 2, 3]);
            two.send(target, &[7; 1000]);
            let mut batch = Batch::default();
            // Loopback delivers before the send returns.
            assert_eq!(one.receive(&mut batch, false), 2, "{server}");
            let first = batch.datagram(0).unwrap();
            assert_eq!((&*first.data, first.len, first.from), (&[1, 2, 3][..], 3, two.candidate().unwrap()));
            assert_eq!(first.arrival_ns, None);
            let second = batch.datagram(1).unwrap();
            assert_eq!((second.data.len(), second.len), (HEADERS, 1000));
            one.send(two.candidate().unwrap(), &[9]);
            assert_eq!(two.receive(&mut batch, true), 1);
            assert!(batch.datagram(0).unwrap().arrival_ns.unwrap() > 1_700_000_000_000_000_000);
            assert_eq!(one.receive(&mut batch, true), 0);
        }
    }
}
