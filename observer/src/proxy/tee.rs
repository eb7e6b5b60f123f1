//! A body that passes its chunks on and keeps copies of the first of them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::capture::{Capture, Side};

/// A body on its way through, watched by the capture of its exchange.
///
/// Frames, size and end are those of the body inside. The capture is told the end once: when the
/// body ended, failed, or was dropped by whoever was to receive it.
#[derive(Debug)]
pub(super) struct Tee {
    body: Incoming,
    capture: Capture,
    side: Side,
    ended: bool,
}

impl Tee {
    pub(super) fn new(body: Incoming, capture: Capture, side: Side) -> Tee {
        Tee { body, capture, side, ended: false }
    }

    fn end(&mut self, complete: bool) {
        if !std::mem::replace(&mut self.ended, true) {
            self.capture.end(self.side, complete);
        }
    }
}

impl Body for Tee {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    self.capture.chunk(self.side, chunk);
                }
            }
            Poll::Ready(Some(Err(_))) => self.end(false),
            Poll::Ready(None) => self.end(true),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tee {
    /// A server stops polling at the announced length, so that dropped need not mean cut off.
    fn drop(&mut self) {
        let complete = self.body.is_end_stream();
        self.end(complete);
    }
}
