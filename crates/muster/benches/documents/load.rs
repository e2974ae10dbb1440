//! The client: plain sockets and blocking reads, so that it costs as little as a client can.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What is read from a socket at once.
const BUFFER: usize = 256 * 1024;

/// A request but for its last lines.
pub(crate) struct Request(String);

impl Request {
    pub(crate) fn plain(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/xml\r\n"))
    }

    pub(crate) fn authorized(path: &str, authorization: &str) -> Self {
        Self(format!("{}Authorization: {authorization}\r\n", Self::plain(path).0))
    }

    /// As the last one of its connection.
    fn last(&self) -> String {
        format!("{}Connection: close\r\n\r\n", self.0)
    }
}

/// One reading of a document.
pub(crate) struct Read {
    /// Head and chunks included.
    pub(crate) bytes: usize,
    /// From the request to the first byte of the answer.
    pub(crate) first_s: f64,
    /// From the request to the last byte.
    pub(crate) whole_s: f64,
}

/// Reads an answer on a connection of its own, and drops it.
pub(crate) fn time(address: SocketAddr, request: &Request) -> Read {
    let (mut socket, mut buffer) = (connect(address), vec![0; BUFFER]);
    let mut read = Read { bytes: 0, first_s: 0.0, whole_s: 0.0 };
    let began = Instant::now();
    socket.write_all(request.last().as_bytes()).unwrap();
    loop {
        let got = socket.read(&mut buffer).unwrap();
        if read.bytes == 0 {
            read.first_s = began.elapsed().as_secs_f64();
        }
        if got == 0 {
            break;
        }
        read.bytes += got;
    }
    read.whole_s = began.elapsed().as_secs_f64();
    read
}

/// The body of an answer.
pub(crate) fn fetch(address: SocketAddr, request: &Request) -> Vec<u8> {
    let (mut socket, mut raw) = (connect(address), Vec::new());
    socket.write_all(request.last().as_bytes()).unwrap();
    socket.read_to_end(&mut raw).unwrap();
    body(&raw)
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn body(raw: &[u8]) -> Vec<u8> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = str::from_utf8(&raw[..end]).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    if !head.contains("transfer-encoding: chunked") {
        return raw[end..].to_vec();
    }
    let (mut rest, mut body) = (&raw[end..], Vec::with_capacity(raw.len()));
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
}

/// Answers a second when so many connections ask again and again.
pub(crate) fn rate(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    seconds: u64,
) -> f64 {
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let bytes = format!("{}\r\n", request.0).into_bytes();
    let ask = || {
        let mut socket = connect(address);
        let mut buffer = vec![0; 16 * 1024];
        let mut length = None;
        while !stop.load(Ordering::Relaxed) {
            socket.write_all(&bytes).unwrap();
            let mut got = 0;
            loop {
                let more = socket.read(&mut buffer[got..]).unwrap();
                assert!(more > 0, "the connection stays open");
                got += more;
                // All answers are alike: the first one is taken apart.
                let whole = *length.get_or_insert_with(|| answer_length(&buffer[..got]));
                if got >= whole {
                    assert_eq!(got, whole, "one answer at a time");
                    break;
                }
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut rate = 0.0;
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(ask);
        }
        // What happens until everything is warm does not count.
        thread::sleep(Duration::from_millis(500));
        let (began, before) = (Instant::now(), count.load(Ordering::Relaxed));
        thread::sleep(Duration::from_secs(seconds));
        let asked = count.load(Ordering::Relaxed) - before;
        rate = asked as f64 / began.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
    });
    rate
}

/// Head and body of a short answer, which comes in one piece as far as its head is concerned.
fn answer_length(raw: &[u8]) -> usize {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = str::from_utf8(&raw[..end]).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (_, length) = head.split_once("content-length: ").unwrap();
    end + length.lines().next().unwrap().parse::<usize>().unwrap()
}
