//! Streams of server-sent events: live parts of pages, and the events of the admin API.
//!
//! Invariant: a stream ends when whoever reads it leaves, when the server stops, and after an hour: they then
//! come again, past the gate.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long one stream lasts at the most.
const LIFE: Duration = Duration::from_hours(1);
/// Events that wait for a slow reader.
const WAITING_MAX: usize = 16;

/// The end of a stream that is written to.
#[derive(Debug)]
pub(crate) struct Told(mpsc::Sender<Event>);

impl Told {
    /// Sends an event; `false` when nobody listens any more.
    pub(crate) async fn tell(&self, kind: &str, data: &str) -> bool {
        // A line break would begin a new field.
        let data = data.replace('\r', " ");
        self.0.send(Event::default().event(kind).data(data)).await.is_ok()
    }

    /// Sends an event with a number to go on from; `false` when nobody listens any more.
    pub(crate) async fn tell_numbered(&self, kind: &str, number: u64, data: &str) -> bool {
        let event = Event::default().event(kind).id(number.to_string());
        self.0.send(event.data(data.replace('\r', " "))).await.is_ok()
    }
}

/// A stream that `work` writes to until it is done.
pub(crate) fn stream<W>(stop: &CancellationToken, work: impl FnOnce(Told) -> W) -> Response
where
    W: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let events = driven(receiver, work(Told(sender)), stop.clone());
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

/// The events, while the work that makes them is carried on by whoever reads them.
fn driven<W>(
    mut events: mpsc::Receiver<Event>,
    work: W,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static
where
    W: Future<Output = ()> + Send + 'static,
{
    let mut work = Box::pin(work);
    let mut working = true;
    let stream = futures_util::stream::poll_fn(move |context| {
        if working && work.as_mut().poll(context).is_ready() {
            working = false;
        }
        events.poll_recv(context)
    });
    let over = async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LIFE) => {}
        }
    };
    stream.map(Ok).take_until(Box::pin(over))
}
