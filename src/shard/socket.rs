//! UDP in batches: many datagrams a system call in, segmented sends (GSO) to many peers a system call out.
#![allow(unsafe_code)]

use super::tcp::LinkId;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

/// Datagrams taken by one system call.
const RECEIVE_BATCH: usize = 32;
/// Larger than any datagram of the protocols here; longer ones are cut and then fail authentication.
const RECEIVE_SIZE: usize = 2_048;
/// Messages passed by one system call.
const SEND_BATCH: usize = 64;
/// Room for packets that wait for the system call. More would turn a stall of the CPU into a burst that overflows the
/// receivers' buffers.
const ARENA_SIZE: usize = 512 << 10;
/// Packets in one segmented send. The kernel takes 64; more than 16 gains little and is one long burst to one peer.
const SEGMENTS: usize = 16;
/// Bytes in one segmented send: the largest UDP payload, with room for headers.
const SEGMENTED_BYTES: usize = 65_000;
/// Largest packet that is written into the arena.
pub const MAX_PACKET: usize = 1_500 + 64;
/// How long a full socket buffer is waited for before a message is dropped, in milliseconds.
const FULL_WAIT_MS: i32 = 2;
/// Space for one message's control data: a segment size and a source address.
const CONTROL_SIZE: usize = 64;

/// A peer's address and the local address that it talks to, as the kernel takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    /// The local address to send from; needed where the socket is bound to the unspecified address.
    pub local: Option<IpAddr>,
    /// The TCP connection that leads to it; none: UDP.
    pub link: Option<LinkId>,
}

/// The socket of one shard.
#[derive(Debug)]
pub struct Socket {
    socket: socket2::Socket,
    v6: bool,
    unspecified: bool,
    segmentation: bool,
}

impl Socket {
    /// Wraps a bound, non-blocking UDP socket.
    ///
    /// # Errors
    /// When its options can not be set.
    pub fn new(socket: socket2::Socket, bound: SocketAddr) -> io::Result<Socket> {
        let v6 = bound.is_ipv6();
        let unspecified = bound.ip().is_unspecified();
        if unspecified {
            let (level, name) =
                if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
            let on: libc::c_int = 1;
            // SAFETY: the descriptor is open for the length of the call, and the option's value is a C int as documented
            // for both options.
            let result = unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    level,
                    name,
                    std::ptr::from_ref(&on).cast(),
                    size_of::<libc::c_int>() as libc::socklen_t,
                )
            };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Socket { socket, v6, unspecified, segmentation: true })
    }

    /// Takes waiting datagrams, at most one batch, into `buffers`. Returns how many.
    ///
    /// # Errors
    /// What the system call said, except that nothing was there.
    pub fn receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<usize> {
        buffers.with_local = self.unspecified;
        buffers.receive(self.socket.as_raw_fd())
    }

    /// Sends all that is in the outbox. `dropped` gets the tag and number of packets of each message that the kernel did
    /// not take.
    pub fn send(&mut self, outbox: &mut Outbox, mut dropped: impl FnMut(u32, usize)) {
        let messages = std::mem::take(&mut outbox.messages);
        let mut from = 0;
        while from < messages.len() {
            if !self.segmentation {
                for message in &messages[from..] {
                    self.send_single(outbox, message, &mut dropped);
                }
                break;
            }
            let end = (from + SEND_BATCH).min(messages.len());
            match outbox.headers.send(self, &outbox.arena, &messages[from..end]) {
                Ok(sent) => from += sent.max(1),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) => {
                        if !self.wait_writable() {
                            dropped(messages[from].tag, messages[from].packets());
                            from += 1;
                        }
                    }
                    // A driver that can not segment says so for every message, a path with a small MTU for its own.
                    Some(code @ (libc::EIO | libc::ENOPROTOOPT | libc::EOPNOTSUPP | libc::EINVAL | libc::EMSGSIZE))
                        if messages[from].packets() > 1 =>
                    {
                        if !matches!(code, libc::EINVAL | libc::EMSGSIZE) {
                            tracing::warn!(%error, "segmented sends are refused; sending packets one by one");
                            self.segmentation = false;
                        }
                        self.send_single(outbox, &messages[from], &mut dropped);
                        from += 1;
                    }
                    _ => {
                        tracing::debug!(%error, to = %messages[from].peer.address, "a send failed");
                        dropped(messages[from].tag, messages[from].packets());
                        from += 1;
                    }
                },
            }
        }
        outbox.used = 0;
        outbox.messages = messages;
        outbox.messages.clear();
    }

    fn send_single(&self, outbox: &mut Outbox, message: &Message, dropped: &mut impl FnMut(u32, usize)) {
        let singles: Vec<Message> = (0..message.packets())
            .map(|index| {
                let start = message.start + index as u32 * u32::from(message.segment);
                let length = u32::from(message.segment).min(message.start + message.length - start);
                Message { start, length, ..*message }
            })
            .collect();
        let mut from = 0;
        while from < singles.len() {
            match outbox.headers.send(self, &outbox.arena, &singles[from..]) {
                Ok(sent) => from += sent.max(1),
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && self.wait_writable() => {}
                Err(_) => {
                    dropped(message.tag, 1);
                    from += 1;
                }
            }
        }
    }

    fn wait_writable(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: `poll` is one valid pollfd, and the count says one.
        unsafe { libc::poll(&raw mut poll, 1, FULL_WAIT_MS) == 1 }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Where received datagrams are put; reused for every call.
pub struct ReceiveBuffers {
    with_local: bool,
    data: Box<[u8]>,
    names: Box<[libc::sockaddr_in6; RECEIVE_BATCH]>,
    controls: Box<[[u64; CONTROL_SIZE / 8]; RECEIVE_BATCH]>,
    vectors: Box<[libc::iovec; RECEIVE_BATCH]>,
    headers: Box<[libc::mmsghdr; RECEIVE_BATCH]>,
}

// SAFETY: the raw pointers inside point only into the boxes of the same value, which move with it.
unsafe impl Send for ReceiveBuffers {}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        // SAFETY: all-zero bytes are valid for these plain C structs.
        let (names, vectors, headers) = unsafe { (zeroed(), zeroed(), zeroed()) };
        ReceiveBuffers {
            with_local: false,
            data: vec![0; RECEIVE_BATCH * RECEIVE_SIZE].into_boxed_slice(),
            names: Box::new(names),
            controls: Box::new([[0; CONTROL_SIZE / 8]; RECEIVE_BATCH]),
            vectors: Box::new(vectors),
            headers: Box::new(headers),
        }
    }
}

impl ReceiveBuffers {
    /// Whether a batch was full, so that more may wait.
    pub fn is_full(count: usize) -> bool {
        count == RECEIVE_BATCH
    }

    /// The datagram at an index of the last batch and where it came from; none when it was longer than anything that is
    /// expected here.
    pub fn datagram(&mut self, index: usize) -> Option<(&mut [u8], Peer)> {
        let header = &self.headers[index];
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let length = (header.msg_len as usize).min(RECEIVE_SIZE);
        let address = decode_address(&self.names[index])?;
        let local = if self.with_local { self.local_address(index) } else { None };
        Some((&mut self.data[index * RECEIVE_SIZE..index * RECEIVE_SIZE + length], Peer { address, local, link: None }))
    }

    fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        for index in 0..RECEIVE_BATCH {
            self.vectors[index] =
                libc::iovec { iov_base: self.data[index * RECEIVE_SIZE..].as_mut_ptr().cast(), iov_len: RECEIVE_SIZE };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].as_mut_ptr().cast();
            header.msg_controllen = CONTROL_SIZE as _;
            header.msg_flags = 0;
        }
        // SAFETY: each header points to live buffers of this value with their true lengths, and the count is their number.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                RECEIVE_BATCH as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(0),
            _ => Err(error),
        }
    }

    fn local_address(&self, index: usize) -> Option<IpAddr> {
        let header = &self.headers[index].msg_hdr;
        // SAFETY: the header was filled by the kernel and its control buffer is alive; the macros stay within
        // msg_controllen, and the data of these two kinds is the struct that is read, unaligned.
        unsafe {
            let mut control = libc::CMSG_FIRSTHDR(header);
            while !control.is_null() {
                match ((*control).cmsg_level, (*control).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info: libc::in_pktinfo =
                            libc::CMSG_DATA(control).cast::<libc::in_pktinfo>().read_unaligned();
                        return Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr))));
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info: libc::in6_pktinfo =
                            libc::CMSG_DATA(control).cast::<libc::in6_pktinfo>().read_unaligned();
                        return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical());
                    }
                    _ => control = libc::CMSG_NXTHDR(header, control),
                }
            }
        }
        None
    }
}

#[derive(Clone, Copy, Debug)]
struct Message {
    start: u32,
    length: u32,
    segment: u16,
    tag: u32,
    /// No further packet may join: the last one was shorter.
    closed: bool,
    peer: Peer,
}

impl Message {
    fn packets(&self) -> usize {
        (self.length as usize).div_ceil(usize::from(self.segment.max(1)))
    }
}

/// Packets that wait for the next send, written in place.
pub struct Outbox {
    arena: Box<[u8]>,
    used: usize,
    messages: Vec<Message>,
    headers: SendHeaders,
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox {
            arena: vec![0; ARENA_SIZE].into_boxed_slice(),
            used: 0,
            messages: Vec::with_capacity(1_024),
            headers: SendHeaders::default(),
        }
    }
}

impl Outbox {
    /// Whether it must be sent before `packets` more can be written.
    pub fn is_full(&self, packets: usize) -> bool {
        self.used + packets * MAX_PACKET > ARENA_SIZE
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Lets `write` fill one packet for a peer and say how long it is; 0 leaves it out. Packets of one size for one peer
    /// that follow each other leave in one segmented send. `tag` comes back when it is dropped.
    ///
    /// The caller has made sure by `is_full` that there is room.
    pub fn packet(&mut self, peer: &Peer, tag: u32, write: impl FnOnce(&mut [u8]) -> usize) {
        let room = &mut self.arena[self.used..self.used + MAX_PACKET];
        let length = write(room);
        if length == 0 {
            return;
        }
        let start = self.used as u32;
        self.used += length;
        let size = length as u16;
        if let Some(open) = self.messages.last_mut()
            && !open.closed
            && open.tag == tag
            && open.peer.address == peer.address
            && size <= open.segment
            && open.packets() < SEGMENTS
            && open.length as usize + length <= SEGMENTED_BYTES
        {
            open.length += length as u32;
            open.closed = size < open.segment;
            return;
        }
        self.messages.push(Message { start, length: length as u32, segment: size, tag, closed: false, peer: *peer });
    }
}

struct SendHeaders {
    names: Box<[libc::sockaddr_in6; SEND_BATCH]>,
    controls: Box<[[u64; CONTROL_SIZE / 8]; SEND_BATCH]>,
    vectors: Box<[libc::iovec; SEND_BATCH]>,
    headers: Box<[libc::mmsghdr; SEND_BATCH]>,
}

// SAFETY: the raw pointers inside are set anew for each call and never read after it.
unsafe impl Send for SendHeaders {}

impl Default for SendHeaders {
    fn default() -> Self {
        // SAFETY: all-zero bytes are valid for these plain C structs.
        let (names, vectors, headers) = unsafe { (zeroed(), zeroed(), zeroed()) };
        SendHeaders {
            names: Box::new(names),
            controls: Box::new([[0; CONTROL_SIZE / 8]; SEND_BATCH]),
            vectors: Box::new(vectors),
            headers: Box::new(headers),
        }
    }
}

impl SendHeaders {
    fn send(&mut self, socket: &Socket, arena: &[u8], messages: &[Message]) -> io::Result<usize> {
        let messages = &messages[..messages.len().min(SEND_BATCH)];
        for (index, message) in messages.iter().enumerate() {
            let data = &arena[message.start as usize..(message.start + message.length) as usize];
            self.vectors[index] = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
            let name_length = encode_address(&mut self.names[index], message.peer.address, socket.v6);
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = name_length;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
            let segment = (message.length > u32::from(message.segment)).then_some(message.segment);
            let local = if socket.unspecified { message.peer.local } else { None };
            let length = encode_control(&mut self.controls[index], segment, local, socket.v6);
            header.msg_control =
                if length == 0 { std::ptr::null_mut() } else { self.controls[index].as_mut_ptr().cast() };
            header.msg_controllen = length as _;
        }
        // SAFETY: each header points to live memory with its true length: names, vectors and controls of this value, data
        // in the arena, which the kernel only reads.
        let sent = unsafe {
            libc::sendmmsg(
                socket.socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                messages.len() as _,
                libc::MSG_DONTWAIT as _,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }
}

/// Writes the control messages and returns their length.
fn encode_control(
    control: &mut [u64; CONTROL_SIZE / 8],
    segment: Option<u16>,
    local: Option<IpAddr>,
    v6: bool,
) -> usize {
    let mut used = 0;
    // SAFETY: CMSG_SPACE of a u16 (24) and of an in6_pktinfo (40) or in_pktinfo (32) are at most 64 bytes, the size of the
    // buffer, which is aligned for cmsghdr; `used` moves by CMSG_SPACE, so every write stays inside and aligned.
    unsafe {
        let base = control.as_mut_ptr().cast::<u8>();
        let mut put = |level: i32, kind: i32, data: *const u8, length: usize| {
            let header = base.add(used).cast::<libc::cmsghdr>();
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            (*header).cmsg_len = libc::CMSG_LEN(length as u32) as _;
            std::ptr::copy_nonoverlapping(data, libc::CMSG_DATA(header), length);
            used += libc::CMSG_SPACE(length as u32) as usize;
        };
        if let Some(segment) = segment {
            put(libc::SOL_UDP, libc::UDP_SEGMENT, (&raw const segment).cast(), size_of::<u16>());
        }
        match local {
            Some(IpAddr::V4(address)) if !v6 => {
                let mut info: libc::in_pktinfo = zeroed();
                info.ipi_spec_dst.s_addr = u32::from(address).to_be();
                put(libc::IPPROTO_IP, libc::IP_PKTINFO, (&raw const info).cast(), size_of::<libc::in_pktinfo>());
            }
            Some(address) if v6 => {
                let mut info: libc::in6_pktinfo = zeroed();
                info.ipi6_addr.s6_addr = to_v6(address).octets();
                put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, (&raw const info).cast(), size_of::<libc::in6_pktinfo>());
            }
            _ => {}
        }
    }
    used
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn encode_address(name: &mut libc::sockaddr_in6, address: SocketAddr, v6: bool) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) if !v6 => {
            let plain = libc::sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_in (16 bytes) fits into sockaddr_in6 (28 bytes), whose alignment is at least as strict.
            unsafe { std::ptr::from_mut(name).cast::<libc::sockaddr_in>().write(plain) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        _ => {
            let scope = if let SocketAddr::V6(v6) = address { v6.scope_id() } else { 0 };
            *name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: to_v6(address.ip()).octets() },
                sin6_scope_id: scope,
            };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

fn decode_address(name: &libc::sockaddr_in6) -> Option<SocketAddr> {
    match i32::from(name.sin6_family) {
        libc::AF_INET => {
            let mut plain = MaybeUninit::<libc::sockaddr_in>::uninit();
            // SAFETY: the kernel wrote a sockaddr_in, as its family says; it is shorter than the buffer it is read from.
            let plain = unsafe {
                plain.as_mut_ptr().copy_from_nonoverlapping(std::ptr::from_ref(name).cast(), 1);
                plain.assume_init()
            };
            let ip = Ipv4Addr::from(u32::from_be(plain.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(plain.sin_port))))
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            match ip.to_ipv4_mapped() {
                Some(v4) => Some(SocketAddr::V4(SocketAddrV4::new(v4, port))),
                None => Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, name.sin6_scope_id))),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Protocol, Type};
    use std::net::UdpSocket;

    fn pair(bind: &str, segmentation: bool) -> (Socket, UdpSocket, Peer) {
        let bound: SocketAddr = bind.parse().unwrap();
        let raw = socket2::Socket::new(Domain::for_address(bound), Type::DGRAM, Some(Protocol::UDP)).unwrap();
        raw.set_nonblocking(true).unwrap();
        raw.bind(&bound.into()).unwrap();
        let mut socket = Socket::new(raw, bound).unwrap();
        socket.segmentation = segmentation;
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = Peer { address: receiver.local_addr().unwrap(), local: None, link: None };
        (socket, receiver, peer)
    }

    #[test]
    fn packets_of_a_frame_arrive_one_by_one_however_they_are_sent() {
        for (bind, segmentation) in
            [("127.0.0.1:0", true), ("127.0.0.1:0", false), ("[::]:0", true), ("0.0.0.0:0", true)]
        {
            let (mut socket, receiver, peer) = pair(bind, segmentation);
            let peer = Peer { local: Some("127.0.0.1".parse().unwrap()), ..peer };
            let mut outbox = Outbox::default();
            let sizes = [1_200, 1_200, 1_200, 700, 80, 1_200, 90];
            for (index, size) in sizes.into_iter().enumerate() {
                outbox.packet(&peer, 1, |room| {
                    room[..size].fill(index as u8);
                    size
                });
            }
            outbox.packet(&peer, 1, |_| 0);
            assert_eq!(outbox.messages.len(), 3, "1200 x 3 + 700, 80, 1200 + 90: {:?}", outbox.messages);
            let mut lost = 0;
            socket.send(&mut outbox, |_, packets| lost += packets);
            assert!(outbox.is_empty());
            assert_eq!(lost, 0);
            let mut buffer = [0; 2_000];
            for (index, size) in sizes.into_iter().enumerate() {
                let length = receiver.recv(&mut buffer).unwrap();
                assert_eq!((length, buffer[0], buffer[size - 1]), (size, index as u8, index as u8), "{bind}");
            }
        }
    }

    #[test]
    fn received_datagrams_name_their_peer_and_local_address() {
        for bind in ["127.0.0.1:0", "[::]:0", "0.0.0.0:0"] {
            let (socket, sender, peer) = pair(bind, true);
            let port = socket.socket.local_addr().unwrap().as_socket().unwrap().port();
            sender.send_to(b"hello", ("127.0.0.1", port)).unwrap();
            let mut seen = Vec::new();
            let mut buffers = ReceiveBuffers::default();
            while seen.is_empty() {
                for index in 0..socket.receive(&mut buffers).unwrap() {
                    let (data, from) = buffers.datagram(index).unwrap();
                    seen.push((data.to_vec(), from));
                }
            }
            let local = if bind.starts_with("127") { None } else { Some("127.0.0.1".parse().unwrap()) };
            assert_eq!(seen, [(b"hello".to_vec(), Peer { local, ..peer })], "{bind}");
        }
    }
}
