//! Accounts within the account: each has all collections for itself, `/@acct_1/v1/customers`.

use std::borrow::Cow;

use crate::call::Call;
use crate::refusal::Refusal;
use crate::state::Known;
use crate::template::Home;

/// A collection of an owner; `None` is the account itself.
pub(crate) fn owned(owner: Option<&str>, collection: &str) -> String {
    match owner {
        Some(owner) => format!("/@{owner}{collection}"),
        None => collection.to_owned(),
    }
}

/// A collection without its owner.
pub(crate) fn bare(collection: &str) -> &str {
    match collection.strip_prefix("/@").and_then(|rest| rest.find('/').map(|at| &rest[at..])) {
        Some(bare) => bare,
        None => collection,
    }
}

/// The owner of a collection, where it is not the account itself.
pub(crate) fn owner_of(collection: &str) -> Option<&str> {
    collection.strip_prefix("/@")?.split('/').next()
}

impl Call<'_> {
    /// Whose state the request is for, where it is not the caller's own.
    pub(crate) fn owner(&self) -> Option<&str> {
        let declared = self.twin.config.document.owners.as_ref()?;
        let named = self.head.headers.get(&*declared.header)?.to_str().ok()?;
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        Some(named).filter(|named| !named.is_empty() && named.bytes().all(is_id))
    }

    /// Refuses a request for an owner there is none of. Where nothing is kept, all are there.
    pub(crate) fn check_owner(&self) -> Result<(), Refusal> {
        let Some(declared) = &self.twin.config.document.owners else { return Ok(()) };
        let Some(named) = self.head.headers.get(&*declared.header) else { return Ok(()) };
        let known = |owner: &str| {
            matches!(self.session.state.find(&declared.collection, owner), Known::Here(_))
        };
        if self.is_made_up() || self.owner().is_some_and(known) {
            return Ok(());
        }
        Err(Refusal::NoOwner { id: String::from_utf8_lossy(named.as_bytes()).into_owned() })
    }

    /// The collection of a home, for whom the request is.
    pub(crate) fn collection_of(&self, home: &Home) -> String {
        let collection = home.at(self.values);
        match self.owner() {
            Some(owner) => owned(Some(owner), &collection),
            None => collection,
        }
    }

    /// The same of a collection without parameters.
    pub(crate) fn owned<'p>(&self, collection: &'p str) -> Cow<'p, str> {
        match self.owner() {
            Some(owner) => owned(Some(owner), collection).into(),
            None => collection.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_knows_its_owner() {
        let theirs = owned(Some("acct_1"), "/v1/customers");
        assert_eq!((bare(&theirs), owner_of(&theirs)), ("/v1/customers", Some("acct_1")));
        assert_eq!((bare("/v1/customers"), owner_of("/v1/customers")), ("/v1/customers", None));
        assert_eq!(owned(None, "/v1/customers"), "/v1/customers");
    }
}
