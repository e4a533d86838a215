import io

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from detectors import image
from labeler.codec.keys import PUBLIC_KEY
from labeler.codec.payload import Handle, Origin, Payload
from labeler.disclosure.badge import render
from labeler.disclosure.contrast import LEAST_CONTRAST, contrast
from labeler.disclosure.labels import Corner, Extent, Scheme, VisibleLabel
from labeler.disclosure.pictures import LabelledPicture, badges_for, labelled
from labeler.errors import UnreadableMediaError, UnsupportedMediaError
from labeler.marks import image as marks
from labeler.media.picture import open_picture
from tests.scenes import photograph

LABEL = VisibleLabel(extent=Extent.GENERATED)
WIDTH, HEIGHT = 320, 180


def scene(mode="RGB", size=(WIDTH, HEIGHT)):
    gradient = Image.linear_gradient("L").resize(size)
    if mode == "RGB":
        return Image.merge("RGB", [gradient, gradient.rotate(180), ImageChops.invert(gradient)])
    return gradient if mode == "L" else gradient.convert(mode)


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def label(data, *labels):
    picture = labelled(open_picture(data, name="picture"), labels or [LABEL])
    return picture.encode(picture.frames())


def reopened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def assert_upright(image, wanted=LABEL, tolerance=0.0):
    """That the label is what `render` draws, where it draws it, in one of its variants."""
    seen = np.asarray(image.convert("RGB"), np.int16)
    badge = render(wanted, width=image.width, height=image.height)
    area = seen[badge.top :, badge.left :][: badge.height, : badge.width]
    inside = badge.coverage == 1
    off = np.abs(area - badge.rgb)[inside].mean()
    turned = np.abs(255 - area - badge.rgb)[inside].mean()  # black on white
    assert min(off, turned) <= tolerance


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_are_upright_in_the_corner_that_people_see(form, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    data = label(saved(scene(), form, exif=exif))
    shown = ImageOps.exif_transpose(reopened(data))
    assert shown.size == ((WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH))
    assert_upright(shown, tolerance=6 if form in {"JPEG", "AVIF"} else 0)


def test_webp_is_shown_as_it_is_stored():
    exif = Image.Exif()
    exif[274] = 6  # no browser turns it
    assert_upright(reopened(label(saved(scene(), "WEBP", exif=exif, lossless=True))))


def test_heic_is_turned_as_it_says():
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    heif.from_pillow(scene()).save(buffer, quality=95, exif=exif.tobytes())
    data = label(buffer.getvalue())
    shown = heif.open_heif(io.BytesIO(data)).to_pillow()
    shown = ImageOps.exif_transpose(shown) if shown.width > shown.height else shown
    assert_upright(shown, tolerance=8)


@pytest.mark.parametrize("corner", Corner)
def test_every_corner(corner):
    wanted = VisibleLabel(corner=corner)
    assert_upright(reopened(label(saved(scene(), "PNG"), wanted)), wanted)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "I;16"])
def test_every_kind_of_pixel(mode):
    image = scene()
    if mode == "I;16":
        wide = np.asarray(scene("L"), np.uint16) * 257
        data = label(saved(Image.fromarray(wide), "PNG"))
        narrow = np.asarray(reopened(data)).astype(np.uint32) // 257
        assert_upright(Image.fromarray(narrow.astype(np.uint8)), tolerance=0.1)
        return
    assert_upright(reopened(label(saved(image.convert(mode), "PNG"))), tolerance=0.1)


def test_what_is_under_a_label_becomes_opaque():
    image = Image.new("RGBA", (WIDTH, HEIGHT), (200, 40, 40, 0))
    after = reopened(label(saved(image, "PNG")))
    badge = render(LABEL, width=WIDTH, height=HEIGHT)
    area = np.asarray(after)[badge.top :, badge.left :][: badge.height, : badge.width]
    assert (area[badge.coverage == 1][:, 3] == 255).all()
    assert after.getpixel((2, 2)) == (200, 40, 40, 0)
    for background in ("white", "black"):
        seen = Image.new("RGBA", after.size, background)
        seen.alpha_composite(after)
        assert contrast(np.asarray(seen.convert("RGB")), badge) >= LEAST_CONTRAST


def test_nothing_else_of_the_picture_changes():
    image = scene()
    after = reopened(label(saved(image, "PNG")))
    badge = render(LABEL, width=WIDTH, height=HEIGHT)
    box = ImageChops.difference(image, after.convert("RGB")).getbbox()
    assert box == (
        badge.left,
        badge.top,
        badge.left + badge.width,
        badge.top + badge.height,
    )


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_every_frame_of_an_animation_is_labelled_alike(form):
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (40 * n, 100, 250 - 40 * n)) for n in range(4)]
    options = {"lossless": True} if form == "WEBP" else {}
    source = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=80, **options)
    image = reopened(label(source))
    assert image.n_frames == 4
    badge = render(LABEL, width=WIDTH, height=HEIGHT)
    seen = []
    for number in range(4):
        image.seek(number)
        whole = np.asarray(image.convert("RGB"))
        area = whole[badge.top :, badge.left :][: badge.height, : badge.width]
        seen.append(area[badge.coverage == 1].astype(int))
        assert contrast(whole, badge) >= LEAST_CONTRAST
    assert max(np.abs(each - seen[0]).max() for each in seen) <= 4


def test_pages_of_a_tiff_are_labelled_by_their_own_size_and_orientation():
    first, second = scene(), scene(size=(200, 300))
    second.encoderinfo = {"tiffinfo": {274: 6}}
    data = saved(first, "TIFF", save_all=True, append_images=[second])
    assert open_picture(data, name="pages").orientations == (1, 6)
    image = reopened(label(data))
    assert_upright(image)
    image.seek(1)
    assert_upright(ImageOps.exif_transpose(image))


def test_every_page_is_looked_at():
    clear, black = (np.full((HEIGHT, WIDTH, 4), (0, 0, 0, ink), np.uint8) for ink in (0, 255))
    pages = [_cmyk(clear), _cmyk(black)]
    with pytest.raises(UnsupportedMediaError, match="would not be seen"):
        label(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert_upright(reopened(label(saved(pages[0], "TIFF"))))


def test_two_labels_on_one_picture():
    eu, china = LABEL, VisibleLabel(scheme=Scheme.CHINA, corner=Corner.BOTTOM_LEFT)
    after = reopened(label(saved(scene(), "PNG"), eu, china))
    assert_upright(after, eu)
    assert_upright(after, china)


def test_it_is_used_as_a_picture_is():
    source = open_picture(saved(scene(), "PNG"), name="scene.png")
    picture = labelled(source, [LABEL])
    assert isinstance(picture, LabelledPicture)
    for name in ("media_type", "width", "height", "frame_count", "name", "orientations"):
        assert getattr(picture, name) == getattr(source, name)
    (first,), (again,) = picture.frames(), picture.frames()
    assert np.array_equal(first, again)
    (untouched,) = source.frames()
    assert np.array_equal(untouched, np.asarray(scene()))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_labelled_picture_carries_a_watermark_and_the_label_keeps_its_contrast(form):
    source = saved(Image.fromarray(photograph(480, 640)), form)
    picture = labelled(open_picture(source, name="photo"), [LABEL])
    payload = Payload(origin=Origin.GENERATED, handle=Handle(0, 42))
    data = picture.encode(marks.embed(frame, payload) for frame in picture.frames())
    seen = np.asarray(reopened(data))
    assert image.detect(seen, [PUBLIC_KEY]).payload == payload
    (badge,) = badges_for(seen, [LABEL])
    # The worst grey leaves 4.58 before the mark is laid over the label.
    assert contrast(seen, badge) >= LEAST_CONTRAST


def test_black_ink_over_a_label_is_noticed():
    inks = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    inks[..., 3] = 255
    with pytest.raises(UnsupportedMediaError, match="would not be seen") as caught:
        label(saved(_cmyk(inks), "JPEG"))
    assert caught.value.file == "picture"
    inks[..., 3] = 0
    assert_upright(reopened(label(saved(_cmyk(inks), "JPEG", quality=95))), tolerance=8)


def _cmyk(inks):
    height, width = inks.shape[:2]
    return Image.frombytes("CMYK", (width, height), inks.tobytes())


def test_transparency_that_a_file_keeps_is_noticed():
    hidden = Image.merge("LA", [scene("L"), Image.new("L", (WIDTH, HEIGHT), 0)])
    with pytest.raises(UnsupportedMediaError, match="would not be seen"):
        label(saved(hidden, "PNG"))
    shown = Image.merge("LA", [scene("L"), Image.new("L", (WIDTH, HEIGHT), 255)])
    assert_upright(reopened(label(saved(shown, "PNG"))), tolerance=0.1)


def test_transparency_of_an_avif_is_noticed():
    image = scene().convert("RGBA")
    assert_upright(reopened(label(saved(image, "AVIF"))), tolerance=6)
    image.putalpha(0)
    with pytest.raises(UnsupportedMediaError, match="would not be seen"):
        label(saved(image, "AVIF"))


def test_a_missing_icon_is_told_before_anything_is_decoded(tmp_path):
    source = open_picture(saved(scene(), "PNG"), name="scene.png")
    with pytest.raises(UnreadableMediaError, match="icon"):
        labelled(source, [VisibleLabel(icon=tmp_path / "none.png")])
