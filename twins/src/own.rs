//! Routes that only the twin has: pages in the place of the vendor's, and levers for tests.

use bytes::Bytes;
use http::StatusCode;

use crate::body::{self, Media};
use crate::call::Call;
use crate::config::Missing;
use crate::lua::Owned;
use crate::render::Reply;
use crate::served::Served;
use crate::session::Session;
use crate::twin::{Head, Twin};

impl Twin {
    /// The answer of a route that only the twin has; `None` where it has none of this path, or where
    /// nothing is kept that its handler could read.
    pub(crate) fn own(
        &self,
        session: &Session,
        served: &Served,
        path: &str,
        head: &Head<'_>,
        bytes: &Bytes,
    ) -> Option<Reply> {
        if self.config.missing == Missing::Materialize {
            return None;
        }
        let Owned { handler, params } = self.handlers.own(head.method.as_str(), path)?;
        let params: Vec<(&str, &str)> =
            params.iter().map(|(name, value)| (*name, &**value)).collect();
        // What a handler says is put into words by a route; any without parameters will do.
        let number = served.program.plain_route()?;
        let call = Call { twin: self, session, served, number, values: &[], head, depth: 0 };
        let data = body::read(&Media::of(head.headers, bytes), bytes, None).ok().flatten();
        let reply = call.run(handler, &params, bytes, data.as_ref(), Some(StatusCode::OK));
        Some(match reply {
            Ok(Some(reply)) => reply,
            // A handler that failed; the log says why.
            Ok(None) => {
                let mut failed = Reply::default();
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                failed
            }
            Err(refusal) => self.refuse(session, &served.program, None, &refusal, head),
        })
    }
}
