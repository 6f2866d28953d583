//! A client's connection that speaks HTTP/2 (RFC 9113).

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::{Response, StatusCode, request};
use tokio::task;

use super::{
    admit::{Admitted, admit},
    asker::Asker,
    body::{Broken, Sink},
    door::Door,
    exchange::{self, Request, Responder},
    fault::Fault,
    gather::gather,
    io::Rewound,
    log::{Entry, Noting},
    respond::Body,
    serving::Listener,
    stream::{self, FromStream, LARGEST_FRAME, StreamSink},
    timer::Timer,
    times::Times,
    worker::Worker,
};
use crate::http::{
    forwarded::HttpVersion,
    framing::Framing,
    head::{Head, Malformed},
};

/// Requests that a client may have under way on one connection.
const MOST_STREAMS: u32 = 128;
/// What a client may send of a body before it is taken, in bytes.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same of all bodies of a connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is kept of responses that a client does not take, for each of its requests.
const MOST_UNSENT: usize = 64 * 1024;

/// Serves the requests of a connection until it ends.
pub(super) async fn serve(worker: &Rc<Worker>, door: &Rc<Door>, stream: Rewound, asker: Asker) {
    let listener = door.listener();
    let tls = stream.tls_version();
    let under_way = Rc::new(UnderWay::none(worker.timers.timer(&door.cut)));
    let limit = &under_way.limit;
    limit.set(listener.http.timeouts.header_s);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(MOST_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // A target that is too long is told so: what has even more comes to nothing in `h2`.
        .max_header_list_size(listener.http.limits.header_bytes + listener.http.limits.uri_bytes)
        .max_send_buffer_size(MOST_UNSENT)
        .max_frame_size(LARGEST_FRAME);
    drop(listener);
    let (stream, gathered) = gather(worker, stream);
    let mut handshake = pin!(builder.handshake::<_, Bytes>(stream));
    let connection = limit.within(|context| handshake.as_mut().poll(context));
    let Some(Ok(mut connection)) = connection.await else {
        return;
    };
    let asker = Rc::new(asker);
    let mut has_asked = false;
    loop {
        let is_idle = Cell::new(false);
        let accepted = poll_fn(|context| {
            if let Poll::Ready(accepted) = connection.poll_accept(context) {
                return Poll::Ready(accepted);
            }
            if let Poll::Ready(Err(_)) = gathered.poll_flush(context) {
                return Poll::Ready(None);
            }
            let is_over = limit.is_over(context);
            if is_over && limit.is_cut() {
                // Its requests are told so too, and break off by themselves.
                return match under_way.count.get() {
                    0 => Poll::Ready(None),
                    _ => Poll::Pending,
                };
            }
            let is_ending = under_way.is_ending.get();
            if is_over && (is_ending || !has_asked) {
                // It was asked to go and does not, or has not come as far as a request.
                return Poll::Ready(None);
            }
            if !is_ending && (is_over || worker.is_leaving(door)) {
                is_idle.set(true);
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        let (request, respond) = match accepted {
            Some(Ok(accepted)) => accepted,
            // RFC 9113, section 6.8: what the client has begun before it heard of it is served.
            None if is_idle.get() => {
                under_way.end();
                connection.graceful_shutdown();
                continue;
            }
            Some(Err(_)) | None => return,
        };
        let listener = door.listener();
        has_asked = true;
        let done = UnderWay::begin(&under_way, listener.http.timeouts.idle_s);
        let (worker, door, asker) = (Rc::clone(worker), Rc::clone(door), Rc::clone(&asker));
        // The future is large: so it is moved but once.
        task::spawn_local(Box::pin(async move {
            let (parts, body) = request.into_parts();
            serve_stream(&worker, (&door, &listener), &asker, tls, &parts, body, respond).await;
            drop(done);
        }));
    }
}

/// How long a client may take to leave that has no request under way, in seconds.
const GOING_S: u32 = 30;

/// The requests of a connection that are under way, and how long it may be without any.
struct UnderWay {
    count: Cell<usize>,
    /// Runs while there are none.
    limit: Timer,
    is_ending: Cell<bool>,
}

impl UnderWay {
    fn none(limit: Timer) -> Self {
        Self {
            count: Cell::new(0),
            limit,
            is_ending: Cell::new(false),
        }
    }

    /// Another one; the connection may be idle for so long when it was the last.
    fn begin(this: &Rc<Self>, idle_s: u32) -> Done {
        this.count.set(this.count.get() + 1);
        this.limit.set(u32::MAX);
        Done {
            under_way: Rc::clone(this),
            idle_s,
        }
    }

    /// The client is asked to leave, which it may do when its requests are over.
    fn end(&self) {
        self.is_ending.set(true);
        if self.count.get() == 0 {
            self.limit.set(GOING_S);
        }
    }
}

/// A request that is under way.
struct Done {
    under_way: Rc<UnderWay>,
    idle_s: u32,
}

impl Drop for Done {
    fn drop(&mut self) {
        let Self { under_way, idle_s } = self;
        under_way.count.set(under_way.count.get() - 1);
        if under_way.count.get() == 0 {
            let is_ending = under_way.is_ending.get();
            under_way.limit.set(if is_ending { GOING_S } else { *idle_s });
        }
    }
}

async fn serve_stream(
    worker: &Rc<Worker>,
    (door, listener): (&Rc<Door>, &Listener),
    asker: &Asker,
    tls: Option<&'static str>,
    parts: &request::Parts,
    body: RecvStream,
    respond: SendResponse<Bytes>,
) {
    let times = Times::begin();
    let limit = worker.timers.timer(&door.cut);
    let mut head = worker.take_head();
    let mut responder = ToStream { respond, sink: None };
    let admitted = admit_stream(listener, parts, &body, &mut head);
    let noting = Noting::begin(worker, &head);
    let outcome = match admitted {
        Ok(admitted) => {
            let request = Request {
                trail: noting.trail(),
                id: &noting.id,
                times: &times,
                head: &head,
                admitted,
                client: asker.client(&listener.identity, &head),
                asker,
            };
            let mut body = FromStream::new(body);
            exchange::exchange(worker, listener, &request, &mut body, &mut responder, &limit)
                .await
                .map(drop)
        }
        Err(fault) => Err(fault),
    };
    noting.end(|trail, request_id| Entry {
        listener,
        client: asker.client(&listener.identity, &head).ip(),
        head: &head,
        version: "HTTP/2.0",
        tls,
        request_id,
        trail,
        times: &times,
        fault: outcome.as_ref().err(),
    });
    if let Err(fault) = outcome {
        let body = Body::of(head.method());
        responder.fail(worker, listener, &fault, body);
    }
    worker.give_head(head);
}

/// The request as a head like any other.
fn admit_stream(
    listener: &Listener,
    parts: &request::Parts,
    body: &RecvStream,
    head: &mut Head,
) -> Result<Admitted, Fault> {
    let uri = &parts.uri;
    head.method = head.add(parts.method.as_str().as_bytes());
    let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if target.len() > listener.limits.target {
        return Err(Malformed::TargetTooLong.into());
    }
    head.target = head.add(target.as_bytes());
    // RFC 9113, section 8.3.1: `:authority` is what `Host` is in HTTP/1.1, and may not say something else.
    let mut hosts = parts.headers.get_all(http::header::HOST).into_iter();
    match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), None, None) => head.push(b"host", authority.as_str().as_bytes()),
        (Some(authority), Some(host), None)
            if host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes()) => {}
        (None, Some(_), None) => {}
        _ => return Err(Fault::Host),
    }
    // RFC 9113, section 8.3.1.
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(Fault::Target);
    }
    let mut cookie = Vec::new();
    for (name, value) in &parts.headers {
        // RFC 9113, section 8.2.1.
        if value.as_bytes().trim_ascii().len() != value.len() {
            return Err(Malformed::Syntax.into());
        }
        if name == http::header::COOKIE {
            // RFC 9113, section 8.2.3: they are one field where they go on.
            if !cookie.is_empty() {
                cookie.extend_from_slice(b"; ");
            }
            cookie.extend_from_slice(value.as_bytes());
        } else {
            head.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if !cookie.is_empty() {
        head.push(b"cookie", &cookie);
    }
    if head.fields.len() > listener.limits.fields {
        return Err(Malformed::TooManyFields.into());
    }
    if head.bytes.len() > listener.limits.bytes {
        return Err(Malformed::TooLarge.into());
    }
    let mut admitted = admit(head, listener.http.limits.body_bytes)?;
    admitted.is_upgrade = false;
    admitted.version = HttpVersion::Http2;
    if body.is_end_stream() {
        admitted.framing = match admitted.framing {
            Framing::Length(_) => Framing::Length(0),
            _ => Framing::None,
        };
    } else if admitted.framing == Framing::None {
        admitted.framing = Framing::Chunked;
    }
    Ok(admitted)
}

/// The response to a request.
struct ToStream {
    respond: SendResponse<Bytes>,
    /// Its body, once it has begun.
    sink: Option<StreamSink>,
}

impl ToStream {
    /// Tells of a fault, or breaks off what has begun.
    fn fail(&mut self, worker: &Worker, listener: &Listener, fault: &Fault, body: Body) {
        match (&mut self.sink, fault.response()) {
            (Some(sink), _) => sink.reset(),
            (None, None) => self.respond.send_reset(Reason::CANCEL),
            (None, Some(own)) => {
                listener.counts.respond_own(own.status);
                let mut lines = Vec::new();
                worker.write_date(&mut lines);
                own.lines(&mut lines);
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::from_u16(own.status).unwrap_or(StatusCode::BAD_GATEWAY);
                stream::add_lines(&lines, response.headers_mut());
                // Who asked may have gone away.
                let is_all = body == Body::LeftOut;
                if let Ok(mut stream) = self.respond.send_response(response, is_all)
                    && !is_all
                {
                    let _ = stream.send_data(Bytes::from(own.text()), true);
                }
            }
        }
    }
}

impl Responder for ToStream {
    fn interim(&mut self, head: &Head) {
        let mut response = Response::new(());
        *response.headers_mut() = stream::fields_of(head, &[]);
        if let Ok(status) = StatusCode::from_u16(head.status) {
            *response.status_mut() = status;
            // A client that has gone away needs none.
            let _ = self.respond.send_informational(response);
        }
    }

    fn begin(&mut self, head: &Head, framing: Framing, further: &[u8]) -> Result<(), Broken> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
        *response.headers_mut() = stream::fields_of(head, further);
        let is_empty = matches!(framing, Framing::None | Framing::Length(0));
        let rest = match framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let stream = self.respond.send_response(response, is_empty)?;
        self.sink = Some(StreamSink::new(stream, rest));
        Ok(())
    }

    fn has_begun(&self) -> bool {
        self.sink.is_some()
    }

    fn poll_close(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.sink {
            None => self.respond.poll_reset(context).is_ready(),
            Some(sink) => sink.is_reset(context),
        }
    }
}

impl Sink for ToStream {
    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Broken>> {
        match &mut self.sink {
            Some(sink) => sink.poll_write(context, data),
            None => Poll::Ready(Err(Broken::CutShort)),
        }
    }

    fn poll_finish(&mut self, context: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), Broken>> {
        match &mut self.sink {
            Some(sink) => sink.poll_finish(context, trailers),
            None => Poll::Ready(Err(Broken::CutShort)),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match &mut self.sink {
            Some(sink) => sink.poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
