// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/renderer.h"
#include "client/text.h"
#include "client/wording.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t bar_columns = 18;
constexpr std::string_view hide_cursor = "\033[?25l";
constexpr std::string_view show_cursor = "\033[?25h";
constexpr std::string_view to_end_of_line = "\033[K";
constexpr std::string_view to_end_of_screen = "\033[J";

std::string bar_text(unsigned percent, bool utf8)
{
    const std::size_t full = bar_columns * percent / 100;
    std::string bar;
    for (std::size_t i = 0; i < bar_columns; ++i) bar += i < full ? (utf8 ? "━" : "#") : (utf8 ? "─" : "-");
    return bar;
}

std::string percent_text(unsigned percent)
{
    const std::string number = std::to_string(percent);
    return std::string(number.size() < 3 ? 3 - number.size() : 0, ' ') + number + " %";
}

class Tty : public Renderer {
public:
    using Renderer::Renderer;
    ~Tty() override { wipe(); }

    std::chrono::milliseconds tick_period() const override { return std::chrono::milliseconds(500); }

    void tick(double now) override
    {
        now_ = std::max(now_, now);
        draw();
    }

    void say(std::string_view sentence) override
    {
        wipe();
        console_.err(std::string(sentence) + "\n");
        draw();
    }

    void clear() override { wipe(); }

protected:
    void progressed(const Event& event) override
    {
        const bool shows =
            event.kind == EventKind::stage || event.kind == EventKind::waiting || event.kind == EventKind::job_new;
        if (shows) tick(event.at);
    }

    void job_ended(const JobProgress& job) override
    {
        wipe();
        print_ended(job);
        draw();
    }

private:
    std::string line_of(const JobProgress& job, std::size_t columns) const
    {
        const std::string head = subject_text(job, board().kernel_columns()) + "  " + activity_text(job);
        if (job.started_at <= 0) return elided(head, columns);
        const std::string time = "  " + elapsed_text(now_ - job.started_at);
        if (!job.is_estimated || job.percent == 0) {
            const bool counts = job.stage == Stage::build && job.objects > 0;
            const std::string objects = counts ? "  " + count_text(job.objects, "object") : "";
            for (const std::string& tail : {objects + time, time})
                if (columns_of(head + tail) <= columns) return head + tail;
            return elided(head, columns);
        }
        const std::string percent = "  " + percent_text(job.percent);
        const std::string bar = "  " + bar_text(job.percent, console_.err_look.utf8);
        for (const std::string& tail : {bar + percent + time, percent + time, time})
            if (columns_of(head + tail) <= columns) return head + tail;
        return elided(head, columns);
    }

    /// Goes back to where the first drawn line begins.
    std::string back() const
    {
        if (drawn_ == 0) return std::string(hide_cursor);
        return drawn_ > 1 ? "\r\033[" + std::to_string(drawn_ - 1) + "A" : "\r";
    }

    void draw()
    {
        auto jobs = board().running();
        if (jobs.empty()) return wipe();
        const std::size_t height = console_.height() > 1 ? console_.height() : 24;
        const std::size_t width = console_.width() > 1 ? console_.width() : 80;
        // The jobs that do not fit would scroll the first line away, where it cannot be drawn again.
        if (jobs.size() > height - 1) jobs.resize(height - 1);
        std::string text = back();
        for (std::size_t i = 0; i < jobs.size(); ++i)
            text += (i > 0 ? "\n" : "") + line_of(*jobs[i], width - 1) + std::string(to_end_of_line);
        console_.err(text + std::string(to_end_of_screen));
        drawn_ = jobs.size();
    }

    void wipe()
    {
        if (drawn_ == 0) return;
        console_.err(back() + std::string(to_end_of_screen) + std::string(show_cursor));
        drawn_ = 0;
    }

    std::size_t drawn_ = 0; ///< lines on the screen, the cursor at the end of the last; the cursor is hidden unless 0
    double now_ = 0;
};

} // namespace

std::unique_ptr<Renderer> make_tty_renderer(Console& console, bool service)
{
    return std::make_unique<Tty>(console, service);
}

} // namespace dkms
