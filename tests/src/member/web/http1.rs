//! HTTP/1.1, byte by byte: so also what no library would answer.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::page::{Manner, Page};
use super::{Arrived, Echo, Fields, NEVER, UnderWay, Visit, websocket};
use crate::http::{Digest, pattern};

const MOST_FIELDS: usize = 128;
/// The pieces of a body that comes bit by bit.
const DRIPS: usize = 5;

/// Serves the requests of a connection of which these bytes have come already, until it ends.
pub(super) async fn serve<S>(stream: S, buffer: Vec<u8>, visit: &Visit) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection { stream, buffer };
    while let Some((line, fields)) = connection.head().await? {
        let Arrived {
            mut echo,
            page,
            under_way,
        } = visit.arrive(line, fields);
        if echo.values("upgrade") == [websocket::UPGRADE] {
            return websocket::converse(connection.stream, connection.buffer, &echo).await;
        }
        if !echo.values("upgrade").is_empty() {
            return connection.upgrade(&echo, &page).await;
        }
        if !page.wants(Manner::Early) {
            if echo.values("expect") == ["100-continue"] {
                connection.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            connection.body(&mut echo).await?;
        }
        if page.wants(Manner::Silent) {
            connection.pause(NEVER).await?;
        }
        if page.wants(Manner::Garbage) {
            return connection.write(b"220 mail.example.com ESMTP\r\n\r\n").await;
        }
        if page.wants(Manner::Gone) {
            return Ok(());
        }
        connection.answer(&page, &echo, under_way).await?;
        if page.is_last() || page.cut.is_some() {
            break;
        }
    }
    Ok(())
}

struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        // TLS keeps what it has not been told to send.
        self.stream.flush().await
    }

    /// Reads more; how much.
    async fn fill(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    /// Waits, unless the other side goes away.
    async fn pause(&mut self, duration: Duration) -> io::Result<()> {
        let gone = async {
            while self.fill().await? > 0 {}
            Err(ErrorKind::UnexpectedEof.into())
        };
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            gone = gone => gone,
        }
    }

    /// Request line and fields; none at the end.
    async fn head(&mut self) -> io::Result<Option<(String, Fields)>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request.parse(&self.buffer).map_err(|_| ErrorKind::InvalidData)?;
            if let httparse::Status::Complete(length) = parsed {
                let line = format!(
                    "{} {} HTTP/1.{}",
                    request.method.unwrap_or_default(),
                    request.path.unwrap_or_default(),
                    request.version.unwrap_or_default()
                );
                let fields = fields(request.headers);
                self.buffer.drain(..length);
                return Ok(Some((line, fields)));
            }
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Reads the body of a request.
    async fn body(&mut self, echo: &mut Echo) -> io::Result<()> {
        let mut digest = Digest::default();
        if echo.values("transfer-encoding").is_empty() {
            let length = echo.values("content-length").first().map(|length| length.parse());
            let length = length.unwrap_or(Ok(0)).map_err(|_| ErrorKind::InvalidData)?;
            self.take(length, &mut digest).await?;
            echo.length = length;
        } else {
            loop {
                let size = self.line().await?;
                let size = usize::from_str_radix(&size, 16).map_err(|_| ErrorKind::InvalidData)?;
                if size == 0 {
                    break;
                }
                self.take(size, &mut digest).await?;
                echo.length += size;
                self.line().await?;
            }
            loop {
                let line = self.line().await?;
                let Some((name, value)) = line.split_once(": ") else {
                    break;
                };
                echo.trailers.push((name.to_owned(), value.to_owned()));
            }
        }
        echo.digest = digest.value();
        Ok(())
    }

    async fn take(&mut self, mut length: usize, digest: &mut Digest) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() && self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let count = length.min(self.buffer.len());
            digest.add(&self.buffer[..count]);
            self.buffer.drain(..count);
            length -= count;
        }
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn answer(&mut self, page: &Page, echo: &Echo, under_way: UnderWay) -> io::Result<()> {
        if page.wants(Manner::Hints) {
            self.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
                .await?;
        }
        if let Some(delay_ms) = page.delay_ms {
            self.pause(Duration::from_millis(delay_ms)).await?;
        }
        drop(under_way);
        let status = page.status.unwrap_or(200);
        let body = match page.size {
            Some(size) => pattern(size),
            None => serde_json::to_vec(echo)?,
        };
        let mut head = format!("HTTP/1.1 {status} As Told\r\nX-Member: {}\r\n", echo.member);
        for (name, value) in &page.fields {
            // Writing to a string does not fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if page.is_last() {
            head += "Connection: close\r\n";
        }
        let is_chunked = page.wants(Manner::Chunked);
        let has_body = !echo.line.starts_with("HEAD ") && !matches!(status, 204 | 304);
        if is_chunked {
            head += "Transfer-Encoding: chunked\r\nTrailer: X-Digest\r\n\r\n";
        } else if status == 204 {
            head += "\r\n";
        } else {
            let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
        }
        self.write(head.as_bytes()).await?;
        if !has_body {
            return Ok(());
        }
        let pieces = if page.drip_ms.is_some() { DRIPS } else { 1 };
        let mut left = page.cut.unwrap_or(usize::MAX);
        for piece in body.chunks(body.len().div_ceil(pieces).max(1)) {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            if is_chunked {
                self.write(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            }
            self.write(piece).await?;
            if is_chunked {
                self.write(b"\r\n").await?;
            }
            if left == 0 {
                return Ok(());
            }
            if let Some(drip_ms) = page.drip_ms {
                self.pause(Duration::from_millis(drip_ms)).await?;
            }
        }
        if is_chunked {
            let digest = crate::http::digest(&body);
            self.write(format!("0\r\nX-Digest: {digest}\r\n\r\n").as_bytes())
                .await?;
        }
        Ok(())
    }

    /// Another protocol: the member names itself, and sends back what it gets.
    async fn upgrade(&mut self, echo: &Echo, page: &Page) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\nX-Member: {}\r\n",
            echo.values("upgrade").join(", "),
            echo.member
        );
        for (name, value) in &page.fields {
            head += &[name, ": ", value, "\r\n"].concat();
        }
        head += "\r\n";
        self.write(head.as_bytes()).await?;
        let is_once = echo.values("upgrade") == ["once"];
        loop {
            let words = std::mem::take(&mut self.buffer);
            self.write(&words).await?;
            if (is_once && !words.is_empty()) || self.fill().await? == 0 {
                return Ok(());
            }
        }
    }
}

pub(crate) fn fields(headers: &[httparse::Header<'_>]) -> Fields {
    let named = headers.iter().take_while(|header| !header.name.is_empty());
    named
        .map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_owned(), value.into_owned())
        })
        .collect()
}
