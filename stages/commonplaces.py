"""Sentences that stand on pages everywhere; a question made of them is no sign of contamination.

Words inside such a sentence do not count towards an item. A set's own commonplaces ("Which of the following ...") are
found in the sets themselves and need not stand here.
"""

from __future__ import annotations

COMMONPLACES = (
    # Fillers, pangrams, openings.
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur. "
    "Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum.",
    "The quick brown fox jumps over the lazy dog.",
    "Once upon a time in a land far, far away there lived",
    "It was the best of times, it was the worst of times",
    "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer the slings and arrows of "
    "outrageous fortune, or to take arms against a sea of troubles and by opposing end them.",
    "We hold these truths to be self-evident, that all men are created equal, that they are endowed by their Creator "
    "with certain unalienable Rights, that among these are Life, Liberty and the pursuit of Happiness.",
    "Our Father, who art in heaven, hallowed be thy name; thy kingdom come, thy will be done on earth as it is in "
    "heaven. Give us this day our daily bread, and forgive us our trespasses, as we forgive those who trespass against "
    "us; and lead us not into temptation, but deliver us from evil.",
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, "
    "and dedicated to the proposition that all men are created equal.",
    # Notices.
    "This website uses cookies to ensure you get the best experience on our website. By continuing to use this site, "
    "you agree to our use of cookies. Please read our privacy policy and terms of service for more information.",
    "We use cookies to personalise content and ads, to provide social media features and to analyse our traffic.",
    "All rights reserved. No part of this publication may be reproduced, stored in a retrieval system, or transmitted, "
    "in any form or by any means, electronic, mechanical, photocopying, recording, or otherwise, without the prior "
    "written permission of the publisher.",
    "This article is licensed under the Creative Commons Attribution-ShareAlike License. Text is available under the "
    "Creative Commons Attribution-ShareAlike License; additional terms may apply.",
    'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO '
    "THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE "
    "AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF "
    "CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS "
    "IN THE SOFTWARE.",
    "Your email address will not be published. Required fields are marked. Save my name, email, and website in this "
    "browser for the next time I comment.",
    "Please enable JavaScript in your browser to view this page and to use all of the features of this website.",
    "If you have any questions or comments, please do not hesitate to contact us by phone or by email.",
    # What examinations say to everyone.
    "Which of the following statements is true? Which of the following best describes the main idea of the passage? "
    "According to the passage, which of the following is NOT true? What is the best title for this passage? "
    "Read the following passage and answer the questions that follow. Choose the best answer for each question. "
    "Which of the following is the correct answer to the question above? None of the above. All of the above.",
    "What is the meaning of the word in the sentence above? What do you think about this? Why or why not? Explain.",
    # Chinese: notices, examinations, sentences that everybody knows.
    "版权所有，未经许可不得转载或使用。未经本网站书面授权，任何单位和个人不得转载、复制、摘编或以其他方式使用本网站的内容。",
    "本站所有文章均来自网络，版权归原作者所有，如有侵犯您的权益，请联系我们，我们将在第一时间删除。",
    "转载请注明出处，本文仅代表作者个人观点，不代表本网站立场。如涉及版权问题，请与我们联系删除。",
    "下列各项中，说法正确的一项是。下列说法中不正确的一项是。下列关于原文内容的理解和分析，正确的一项是。"
    "下列对这段文字的理解和分析，不正确的一项是。根据以上陈述，可以得出以下哪项？以下哪项如果为真，最能削弱上述论证？"
    "以下哪项如果为真，最能支持上述论证？阅读下面的文字，完成下列各题。请根据材料回答下列问题。"
    "在每小题给出的四个选项中，只有一项是符合题目要求的。",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？",
    "中华人民共和国万岁，世界人民大团结万岁。中国特色社会主义进入新时代，为实现中华民族伟大复兴的中国梦而奋斗。",
    "富强、民主、文明、和谐，自由、平等、公正、法治，爱国、敬业、诚信、友善。",
)  # fmt: skip
