//! A `DataFusion` session over a window of the lake.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::options::ParquetReadOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use observer::lake::{Lake, Segment, Table};

use super::{ObserveError, Since};

/// The scheme under which the lake's store is registered.
const SCHEME: &str = "lake://files";
/// Memory of the tables that a query groups and sorts by; what is more goes to the system's temporary
/// folder. Beside it stand the evidence itself and what is read and decoded at a time.
const GROUPING_BYTES_MAX: usize = 384 << 20;

/// The lake's tables, ready for SQL.
pub struct LakeSession {
    context: SessionContext,
}

impl LakeSession {
    /// Registers the segments' files as `exchanges`, `shapes`, `values` and `links`; exchanges
    /// before `since_us` are left out.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, is not there or is not of the size that its manifest says.
    ///
    /// # Panics
    ///
    /// Never: the scheme is a constant.
    pub async fn open(
        lake: &Lake,
        segments: &[Segment],
        since_us: Since,
    ) -> Result<Self, ObserveError> {
        lake.check_files(segments).await?;
        let mut config = SessionConfig::new().with_target_partitions(2);
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(GROUPING_BYTES_MAX)))
            .build_arc()
            .map_err(|source| fault("session", source))?;
        let session = Self { context: SessionContext::new_with_config_rt(config, runtime) };
        let url = url::Url::parse(SCHEME).expect("a constant URL");
        session.context.register_object_store(&url, lake.store());
        for table in Table::ALL {
            session.register_files(lake, table, segments).await?;
        }
        if since_us > i64::MIN {
            session.narrow(since_us).await?;
        }
        Ok(session)
    }

    async fn register_files(
        &self,
        lake: &Lake,
        table: Table,
        segments: &[Segment],
    ) -> Result<(), ObserveError> {
        let files: Vec<_> = segments
            .iter()
            .flat_map(|segment| &segment.files)
            .filter(|file| file.table == table.name())
            .map(|file| format!("{SCHEME}/{}", lake.path_in_store(&file.path)))
            .collect();
        if files.is_empty() {
            return self.register(table.name(), table.schema(), Vec::new());
        }
        let schema = table.schema();
        let options = ParquetReadOptions::new().schema(&schema).parquet_pruning(true);
        let frame = self
            .context
            .read_parquet(files, options)
            .await
            .map_err(|source| fault(table.name(), source))?;
        self.context
            .register_table(table.name(), frame.into_view())
            .map_err(|source| fault(table.name(), source))?;
        Ok(())
    }

    /// Leaves out what was seen before: exchanges, and tokens last seen then.
    async fn narrow(&self, since_us: Since) -> Result<(), ObserveError> {
        let since = format!("arrow_cast({since_us}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
        for (table, kept) in [
            ("exchanges", format!("seen_at >= {since}")),
            ("values", format!("last_seen IS NULL OR last_seen >= {since}")),
        ] {
            let all =
                self.context.deregister_table(table).map_err(|source| fault(table, source))?;
            let all = all.expect("registered just now");
            self.context
                .register_table(format!("all_{table}"), all)
                .map_err(|source| fault(table, source))?;
            let sql = format!("CREATE VIEW \"{table}\" AS SELECT * FROM all_{table} WHERE {kept}");
            self.query(table, &sql).await?;
        }
        Ok(())
    }

    /// Registers rows of our own as a table, in place of one of that name.
    ///
    /// # Errors
    ///
    /// Where the rows do not follow the schema.
    pub fn register(
        &self,
        name: &'static str,
        schema: SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> Result<(), ObserveError> {
        let table = MemTable::try_new(schema, vec![rows]).map_err(|source| fault(name, source))?;
        self.context.deregister_table(name).map_err(|source| fault(name, source))?;
        self.context.register_table(name, Arc::new(table)).map_err(|source| fault(name, source))?;
        Ok(())
    }

    /// Runs one query; `name` is for messages.
    ///
    /// # Errors
    ///
    /// Where it cannot be planned or run.
    pub async fn query(
        &self,
        name: &'static str,
        sql: &str,
    ) -> Result<Vec<RecordBatch>, ObserveError> {
        let frame = self.context.sql(sql).await.map_err(|source| fault(name, source))?;
        frame.collect().await.map_err(|source| fault(name, source))
    }

    /// As [`LakeSession::query`], in parts that are read side by side, each as it is asked for.
    pub(crate) async fn streams(
        &self,
        name: &'static str,
        sql: &str,
    ) -> Result<Vec<SendableRecordBatchStream>, ObserveError> {
        let frame = self.context.sql(sql).await.map_err(|source| fault(name, source))?;
        frame.execute_stream_partitioned().await.map_err(|source| fault(name, source))
    }

    /// As [`LakeSession::query`], with whole numbers for `$1`, `$2` and so on.
    ///
    /// # Errors
    ///
    /// Where it cannot be planned or run.
    pub(crate) async fn query_with(
        &self,
        name: &'static str,
        sql: &str,
        numbers: &[i64],
    ) -> Result<Vec<RecordBatch>, ObserveError> {
        let frame = self.context.sql(sql).await.map_err(|source| fault(name, source))?;
        let numbers: Vec<_> = numbers.iter().map(|one| ScalarValue::Int64(Some(*one))).collect();
        let frame = frame.with_param_values(numbers).map_err(|source| fault(name, source))?;
        frame.collect().await.map_err(|source| fault(name, source))
    }
}

pub(crate) fn fault(query: &'static str, source: DataFusionError) -> ObserveError {
    ObserveError::Query { query, source: Box::new(source) }
}
