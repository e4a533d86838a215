"""Documents made for tests: small, and of every kind that is kept in a ZIP archive."""

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KIND = "application/vnd.openxmlformats-officedocument"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def archive(files, *, method=ZIP_DEFLATED, comment=b""):
    """A ZIP archive; a first file called mimetype is stored."""
    output = BytesIO()
    with ZipFile(output, "w") as target:
        target.comment = comment
        for name, content in files.items():
            kind = ZIP_STORED if name == "mimetype" else method
            target.writestr(ZipInfo(name), content, compress_type=kind)
    return output.getvalue()


def files_of(data):
    with ZipFile(BytesIO(data)) as source:
        return {name: source.read(name) for name in source.namelist()}


def office(main, main_type, files, related=""):
    folder, _, base = main.rpartition("/")
    return {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{KIND}-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="{main_type}"/></Types>',
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/relationships/officeDocument" Target="{main}"/>'
        "</Relationships>",
        f"{folder}/_rels/{base}.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
        f"{related}</Relationships>",
        **files,
    }


def word_files(body="<w:p><w:r><w:t>Hello</w:t></w:r></w:p>", *, more=None, related=""):
    document = f'{HEAD}<w:document xmlns:w="{WORDS}"><w:body>{body}</w:body></w:document>'
    kind = f"{KIND}.wordprocessingml.document.main+xml"
    files = {"word/document.xml": document, **(more or {})}
    return office("word/document.xml", kind, files, related)


def docx(**options):
    return archive(word_files(**options))


def workbook_files():
    relation = f'<Relationship Type="{OFFICE}/relationships/'
    related = (
        f'{relation}worksheet" Id="r1" Target="worksheets/sheet1.xml"/>'
        f'{relation}worksheet" Id="r2" Target="/xl/worksheets/sheet2.xml"/>'
        f'{relation}sharedStrings" Id="r3" Target="sharedStrings.xml"/>'
    )
    book = (
        f'{HEAD}<workbook xmlns="{SHEETS}" xmlns:r="{OFFICE}/relationships"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/>'
        '<sheet name="B" sheetId="2" state="hidden" r:id="r2"/></sheets></workbook>'
    )
    rows = (
        '<row r="1"><c r="A1" t="s"><v>1</v></c><c r="B1"><f>1+1</f><v>2</v></c></row>'
        '<row r="2" hidden="1"><c r="A2"><v>99</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c></row>'
    )
    sheet = f'{HEAD}<worksheet xmlns="{SHEETS}"><sheetData>{{}}</sheetData></worksheet>'
    strings = (
        f'{HEAD}<sst xmlns="{SHEETS}"><si><t>unused</t></si><si><t>Te</t><rPh><t>ruby</t></rPh>'
        "</si></sst>"
    )
    files = {
        "xl/workbook.xml": book,
        "xl/worksheets/sheet1.xml": sheet.format(rows),
        "xl/worksheets/sheet2.xml": sheet.format('<row><c t="str"><v>hidden</v></c></row>'),
        "xl/sharedStrings.xml": strings,
    }
    return office("xl/workbook.xml", f"{KIND}.spreadsheetml.sheet.main+xml", files, related)


def xlsx():
    return archive(workbook_files())


OASIS = "urn:oasis:names:tc:opendocument:xmlns"
ODT_TYPE = "application/vnd.oasis.opendocument.text"


def odt_files(body="<text:p>Hello</text:p>", *, entry="", meta=True):
    if meta and not entry:
        entry = '<m:file-entry m:full-path="meta.xml" m:media-type="text/xml"/>'
    spaces = f'xmlns:office="{OASIS}:office:1.0" xmlns:text="{OASIS}:text:1.0"'
    return {
        "mimetype": ODT_TYPE,
        "content.xml": f'{HEAD}<office:document-content {spaces} office:version="1.3">'
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>",
        **({"meta.xml": odt_meta()} if meta else {}),
        "META-INF/manifest.xml": f'{HEAD}<m:manifest xmlns:m="{OASIS}:manifest:1.0" '
        f'm:version="1.3"><m:file-entry m:full-path="/" m:media-type="{ODT_TYPE}"/>'
        '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/>'
        f"{entry}</m:manifest>",
    }


def odt_meta():
    return (
        f'{HEAD}<office:document-meta xmlns:office="{OASIS}:office:1.0" '
        f'xmlns:meta="{OASIS}:meta:1.0" office:version="1.3"><office:meta>'
        "<meta:generator>Test</meta:generator></office:meta></office:document-meta>"
    )


def odt(**options):
    return archive(odt_files(**options))


def epub_files(*, version="3.0", attributes="", metadata="", chapters=("<p>Hello</p>",)):
    items = "".join(
        f'<item id="c{i}" href="text/c%20{i}.xhtml" media-type="application/xhtml+xml"/>'
        for i in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in reversed(range(len(chapters))))
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body>{}</body>'
    return {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{HEAD}<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
        "</container>",
        "OPS/book.opf": f'{HEAD}<package xmlns="http://www.idpf.org/2007/opf" '
        f'version="{version}"{attributes} unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title>'
        f"{metadata}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{
            f"OPS/text/c {i}.xhtml": page.format(text) + "</html>"
            for i, text in enumerate(chapters)
        },
    }


def epub(**options):
    return archive(epub_files(**options))
