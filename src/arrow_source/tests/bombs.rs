//! Small files that say they are large, or are.

use super::*;
use crate::arrow_source::thrift;

#[test]
fn a_length_that_is_stated_is_not_believed() {
    let files = Files::new();
    // A message of 1 GiB - 8, a body of any size: neither is there.
    let mut header = vec![0xFF; 4];
    header.extend((60_i32 << 20).to_le_bytes());
    header.extend([0; 100]);
    assert_eq!(files.failure(&header, BatchFormat::ArrowStream).1, "it is cut off: it ends before its contents do");
    header[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
    assert_eq!(files.failure(&header, BatchFormat::ArrowStream).0, ErrorKind::Batch);
}

#[test]
fn a_compressed_buffer_that_states_too_much_is_refused() {
    // A length in front of each compressed buffer: the first is that of the values.
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 100_000]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).expect("a column");
    for format in [BatchFormat::ArrowStream, BatchFormat::ArrowFile] {
        let mut bytes = ipc(std::slice::from_ref(&batch), format, Some(CompressionType::ZSTD));
        let stated = 800_000_i64.to_le_bytes();
        let at = bytes.windows(8).position(|window| window == stated).expect("the length");
        bytes[at..at + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
        let (kind, text) = Files::new().failure(&bytes, format);
        assert_eq!(kind, ErrorKind::Input);
        assert!(text.contains("a record batch is larger than this connector accepts"), "{text}");
    }
}

/// A page of that compression whose header states one size and whose contents have another.
fn page(compression: Compression, contents: &[u8], uncompressed: i32) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).set_dictionary_enabled(false).build();
    // Something that takes its place in the file however it is compressed.
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(5_000).collect();
    let value: ArrayRef = Arc::new(BinaryArray::from_iter_values([noise]));
    let batch = RecordBatch::try_from_iter([("b", value)]).expect("a column");
    let mut bytes = parquet(&[batch], properties);
    // The column chunk's page is put in place of the one that is there; only the footer's offsets stay true.
    let metadata = {
        let options = parquet_crate::file::reader::SerializedFileReader::<bytes::Bytes>::new(bytes.clone().into())
            .expect("a file");
        parquet_crate::file::reader::FileReader::metadata(&options).clone()
    };
    let (start, length) = metadata.row_group(0).column(0).byte_range();
    let mut page = vec![0x15, 0x00, 0x15];
    varint(i64::from(uncompressed), &mut page);
    page.push(0x15);
    varint(contents.len() as i64, &mut page);
    // The data page's own header: one value, PLAIN, levels as RLE.
    page.extend([0x2C, 0x15, 0x02, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00]);
    page.extend(contents);
    assert!(page.len() <= length as usize, "{} bytes are too many for {length}", page.len());
    page.resize(length as usize, 0);
    bytes[start as usize..(start + length) as usize].copy_from_slice(&page);
    bytes
}

fn varint(number: i64, out: &mut Vec<u8>) {
    let mut left = (number << 1) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[test]
fn a_page_that_states_too_much_is_refused() {
    let files = Files::new();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
        let bytes = page(compression, &[0; 20], i32::MAX);
        let (kind, text) = files.failure(&bytes, BatchFormat::Parquet);
        assert_eq!(kind, ErrorKind::Input);
        assert!(text.starts_with("column \"b\": a page is larger than this connector accepts (512 MiB)"), "{text}");
    }
}

#[test]
fn a_page_that_brings_forth_more_than_it_states_is_refused() {
    use std::io::Write;
    // 640 MiB of zeros in a kilobyte.
    let mut bomb = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 5, 24);
    let zeros = vec![0; 16 << 20];
    for _ in 0..40 {
        bomb.write_all(&zeros).expect("memory");
    }
    let bytes = page_of(Compression::BROTLI(Default::default()), &bomb.into_inner());
    let (_, text) = Files::new().failure(&bytes, BatchFormat::Parquet);
    assert!(text.starts_with("column \"b\": a page is larger than this connector accepts (512 MiB)"), "{text}");
}

fn page_of(compression: Compression, contents: &[u8]) -> Vec<u8> {
    page(compression, contents, 6_000)
}

#[test]
fn a_schema_of_endless_nesting_is_refused() {
    // One group within the other, each with one child, as Thrift.
    let footer = |levels: usize| {
        let mut footer = vec![0x15, 0x02, 0x19, 0xFC];
        let mut left = levels as u64;
        while left >= 0x80 {
            footer.push(left as u8 | 0x80);
            left >>= 7;
        }
        footer.push(left as u8);
        for _ in 0..levels {
            // name "g", one child
            footer.extend([0x48, 0x01, b'g', 0x15, 0x02, 0x00]);
        }
        footer.extend([0x00]);
        footer
    };
    assert_eq!(thrift::footer(&footer(40)).expect("a footer").depth, 40);
    let deep = footer(1_000_000);
    let mut file = b"PAR1".to_vec();
    file.extend(&deep);
    file.extend((deep.len() as u32).to_le_bytes());
    file.extend(b"PAR1");
    let (kind, text) = Files::new().failure(&file, BatchFormat::Parquet);
    assert_eq!((kind, text.as_str()), (ErrorKind::Batch, "its columns are nested more than 64 levels deep"));
}

#[test]
fn a_footer_tells_that_columns_are_encrypted() {
    // version 1, no schema elements, field 8 an empty union
    assert!(thrift::footer(&[0x15, 0x02, 0x19, 0x0C, 0x6C, 0x00, 0x00]).expect("a footer").encrypted);
    assert!(!thrift::footer(&[0x15, 0x02, 0x19, 0x0C, 0x00]).expect("a footer").encrypted);
}
