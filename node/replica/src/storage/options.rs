//! How RocksDB is set up for state, and why: of the database, and of the files that it takes in.

use rocksdb::{BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, Options, SliceTransform};

use super::layered::holding_of;

/// See the module.
#[must_use]
pub fn options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(64 << 20));
    blocks.set_bloom_filter(10.0, false);
    blocks.set_whole_key_filtering(false);
    // Compression starts anew with each; reads gain little by small ones, for what is asked for again is kept by row.
    blocks.set_block_size(16 << 10);
    // In parts of some KiB: the cache is split into shards, and what is larger than a shard is never kept in it.
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Compaction too leaves files of one table each, so that what is new at the end of one falls into no file's range.
    let mut options = Options::default()
        .get_options_from_string("sst_partitioner_factory={id=SstPartitionerFixedPrefixFactory;length=1}")
        .expect("RocksDB knows its own option");
    options.create_if_missing(true);
    options.set_block_based_table_factory(&blocks);
    options.set_prefix_extractor(SliceTransform::create("holding or key", asked_for, None));
    options.set_compression_type(DBCompressionType::Lz4);
    // Each compaction of movements rewrites a good part of them, so it is to be worth it.
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_keep_log_file_num(3);
    options
}

/// What filters are asked for: a holding, or a row that is no holding's by its key.
fn asked_for(key: &[u8]) -> &[u8] {
    holding_of(key).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use rocksdb::{DB, LiveFile, SstFileWriter, WaitForCompactOptions};
    use tally_contracts::state::tag;
    use tempfile::TempDir;

    use super::*;

    /// A table that grows at one end, and one that does not.
    const GROWING: u8 = tag::references;
    const OTHER: u8 = tag::members;

    #[test]
    fn what_a_table_grows_by_goes_to_the_bottom_and_is_not_written_again() {
        let (dir, options) = (TempDir::new().expect("a temporary directory"), options());
        let db = DB::open(&options, dir.path()).expect("it opens");
        let ingest = |files: &[&[[u8; 2]]]| {
            let write = |rows: &&[[u8; 2]]| {
                let path = dir.path().join(format!("{:?}.new", rows[0]));
                let mut file = SstFileWriter::create(&options);
                file.open(&path)?;
                rows.iter().try_for_each(|key| file.put(key, b""))?;
                file.finish().map(|()| path)
            };
            let files = files.iter().map(write).collect::<Result<Vec<_>, _>>().expect("the disk works");
            db.ingest_external_file(files).expect("they do not overlap");
        };
        // Flushes with little in them, of which compaction makes files.
        (0..20).for_each(|_| ingest(&[&[[GROWING, 0], [OTHER, 0], [OTHER, 9]]]));
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
        for round in 1..=20 {
            ingest(&[&[[GROWING, round]], &[[OTHER, 0], [OTHER, 9]]]);
        }
        db.wait_for_compact(&WaitForCompactOptions::default()).expect("the disk works");
        let files = db.live_files().expect("the database tells");
        let is_grown = |file: &&LiveFile| matches!(file.start_key.as_deref(), Some([GROWING, 1..=u8::MAX]));
        let grown: Vec<_> = files.iter().filter(is_grown).collect();
        assert_eq!(grown.len(), 20, "each is the file that was taken in");
        assert!(grown.iter().all(|file| file.level == 6), "{grown:?}");
        assert!(files.len() < 40, "the others are compacted");
    }
}
