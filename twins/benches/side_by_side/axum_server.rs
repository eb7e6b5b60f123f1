//! The bare server: it reads what it is sent and answers bytes that are there already.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::routing::get;

use super::load::on_thread;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Serves one object, and a list, on a thread called `axum`.
pub(crate) fn start(one: String, ten: String) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    on_thread("axum", async move {
        let made = one.clone();
        let read = |Path(_): Path<String>| async move { (JSON, one) };
        let create = |body: Bytes| async move {
            assert!(!body.is_empty(), "a create sends an object");
            (StatusCode::CREATED, JSON, made)
        };
        let list = |RawQuery(_): RawQuery| async move { (JSON, ten) };
        let router = Router::new()
            .route("/customers/{customer}", get(read))
            .route("/customers", get(list).post(create));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    told.recv().unwrap()
}
