//! The review page: what waits for a decision, what it rests on, and the buttons.
//!
//! [`serve`] shows a [`Desk`], a project as the pages see it, on one address. Every page is made on
//! the server and works without a script: decisions are forms, each answered by a redirect to what
//! came of it. The script that there is moves the focus by `j` and `k` and refreshes what goes on.
//!
//! Who may use it: on loopback whoever is on the machine, elsewhere who has the token. A request that
//! another site sends through the user's browser is refused three times over: by its `Host` (DNS
//! rebinding), by its `Origin`, and for want of the session's own form token.

mod cookie;
mod decide;
mod desk;
mod door;
mod form;
mod keys;
mod live;
mod page;
mod pages;
mod server;

pub use desk::{
    Condition, Decided, Decision, Desk, Dossier, Entry, Order, Refused, TwinLine, Work,
};
pub use server::{Address, ServeError, Served, serve};
