"""Fashion-MNIST: 70,000 pictures of clothes in the format of MNIST."""

from xnorkit.data.images.mnist import MNIST, IdxFile


class FashionMNIST(MNIST):
    """Ten kinds of clothes, 28×28 grey; arguments as `MNIST`.

    Source: Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747; MIT licence.
    """

    name = "fashion_mnist"
    set_title = "Fashion-MNIST"
    class_names = (
        "t-shirt", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip
    site = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    files = (  # sizes and checksums as TensorFlow Datasets has them
        IdxFile(26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        IdxFile(29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        IdxFile(4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        IdxFile(5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
